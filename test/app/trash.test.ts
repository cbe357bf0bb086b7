import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTrash, cursorIn } from '../../web/app/trash.ts'
import { newDevice, newPerson, offline, openTab, problem, type Tab } from './devices.ts'

const trashOf = (tab: Tab, userId: string) =>
  createTrash({ account: tab.account, userId, tasks: tab.tasks })

type Trash = ReturnType<typeof createTrash>
const titlesIn = (trash: Trash) => trash.list.value.map(({ task }) => task.title)

const newTrash = async () => {
  const person = await newPerson()
  return { ...person, trash: trashOf(person.tab, person.user.id) }
}

test('a task that is deleted is in the trash at once, and is restored as it was', async () => {
  const { tab, trash } = await newTrash()
  const { id } = tab.tasks.add('', { title: 'Buy milk', tags: ['shop'], priority: 'high' })
  await tab.run()
  const before = tab.task(id)
  await tab.tasks.remove('', [id])
  assert.deepEqual(titlesIn(trash), ['Buy milk'])
  await tab.run()
  await trash.load()
  assert.equal(trash.state.value, 'loaded')
  assert.deepEqual(titlesIn(trash), ['Buy milk'])
  const [deleted] = trash.list.value
  await tab.tasks.restore('', deleted ? [deleted.task] : [])
  assert.deepEqual(titlesIn(trash), [])
  await tab.run()
  assert.equal(tab.tasks.waiting.value, 0)
  assert.deepEqual({ ...tab.task(id), updated_at: '' }, { ...before, updated_at: '' })
})

test('a restore that has not been sent undoes a deletion that has not been sent', async () => {
  const { tab, trash, profile } = await newTrash()
  const { id } = tab.tasks.add('', { title: 'Buy milk' })
  await tab.run()
  await tab.tasks.remove('', [id])
  await tab.tasks.restore(
    '',
    trash.list.value.map(({ task }) => task)
  )
  assert.equal(tab.tasks.waiting.value, 0)
  profile.requests.length = 0
  await tab.run()
  assert.ok(!profile.requests.includes('POST /tasks/batch'))
  assert.deepEqual(tab.titles(), ['Buy milk'])
})

test('a task that was deleted before it was sent is restored once, and undo takes that back', async () => {
  const { tab, trash, profile } = await newTrash()
  const { network } = profile
  profile.network = offline
  const { id } = tab.tasks.add('', { title: 'Buy milk' })
  await tab.tasks.remove('', [id])
  await tab.tasks.restore(
    'Restored 1 task',
    trash.list.value.map(({ task }) => task)
  )
  profile.network = network
  await tab.run()
  await tab.run()
  await trash.load()
  assert.deepEqual([tab.titles(), titlesIn(trash), tab.tasks.waiting.value], [['Buy milk'], [], 0])
  assert.equal(tab.tasks.undo(), 'Restored 1 task')
  await tab.run()
  await trash.load()
  assert.deepEqual([tab.titles(), titlesIn(trash)], [[], ['Buy milk']])
})

test('undo puts restored tasks back into the trash, whether or not the server knows of them', async () => {
  const { tab, trash, email } = await newTrash()
  const added = ['One', 'Two'].map((title) => tab.tasks.add('', { title }))
  await tab.run()
  await tab.tasks.remove(
    '',
    added.map(({ id }) => id)
  )
  await tab.run()
  const restoreAll = () =>
    tab.tasks.restore(
      'Restored 2 tasks',
      trash.list.value.map(({ task }) => task)
    )
  await restoreAll()
  assert.deepEqual(tab.titles(), ['One', 'Two'])
  assert.equal(tab.tasks.undo(), 'Restored 2 tasks')
  assert.deepEqual(titlesIn(trash).sort(), ['One', 'Two'])
  await restoreAll()
  await tab.run()
  tab.tasks.undo()
  await tab.run()
  assert.deepEqual(titlesIn(trash).sort(), ['One', 'Two'])
  const { tab: other, user } = await newDevice(email)
  await other.run()
  const elsewhere = trashOf(other, user.id)
  await elsewhere.load()
  assert.deepEqual([other.titles(), titlesIn(elsewhere).sort()], [[], ['One', 'Two']])
})

test('a deletion that was not sent is in the trash of the next start, also offline', async () => {
  const { tab, profile, user } = await newTrash()
  const { id } = tab.tasks.add('', { title: 'Buy milk' })
  await tab.run()
  await tab.tasks.remove('', [id])
  tab.store.close()
  profile.network = offline
  const next = await openTab(profile, user)
  const trash = trashOf(next, user.id)
  await trash.load()
  assert.equal(trash.state.value, 'unreachable')
  assert.deepEqual(titlesIn(trash), ['Buy milk'])
})

test('a task that another device deletes is in the trash with the next pull', async () => {
  const { tab, trash, email } = await newTrash()
  const { id } = tab.tasks.add('', { title: 'Buy milk' })
  await tab.run()
  const { tab: other } = await newDevice(email)
  await other.run()
  await other.tasks.remove('', [id])
  await other.run()
  await tab.run()
  assert.deepEqual(titlesIn(trash), ['Buy milk'])
})

test('a change that waits for a decision is not in the trash', async () => {
  const { tab, trash, profile } = await newTrash()
  profile.network = (request, pass) =>
    request.url.endsWith('/batch')
      ? Promise.resolve(problem(422, { errors: [{ pointer: '/0/task/title', detail: 'is bad' }] }))
      : pass()
  tab.tasks.add('', { title: 'Refused' })
  await tab.run()
  assert.equal(tab.tasks.parked.value.length, 1)
  assert.deepEqual(titlesIn(trash), [])
})

test('the trash comes page by page, the last deleted first', async () => {
  const { tab, user } = await newTrash()
  for (let n = 0; n < 130; n++) tab.tasks.add('', { title: `Task ${n}` })
  await tab.run()
  await tab.tasks.remove('', [...tab.tasks.all.value.keys()])
  const last = tab.tasks.add('', { title: 'Deleted last' })
  await tab.run()
  await tab.tasks.remove('', [last.id])
  await tab.run()
  tab.store.close()
  const next = await openTab({ ...(await newDeviceOf(user.email)) }, user, { database: 'pages' })
  await next.run()
  const trash = trashOf(next, user.id)
  await trash.load()
  assert.equal(trash.list.value.length, 100)
  assert.equal(titlesIn(trash)[0], 'Deleted last')
  assert.equal(trash.hasMore.value, true)
  // Fetched again, the first page does not bring the second one twice.
  await trash.load()
  await trash.loadMore()
  assert.equal(new Set(titlesIn(trash)).size, 131)
  // And there is still nothing after the last one.
  await trash.load()
  assert.equal(trash.hasMore.value, false)
})

const newDeviceOf = async (email: string) => (await newDevice(email)).profile

test('a server in trouble and a session that ended are told apart', async () => {
  const { trash, profile } = await newTrash()
  profile.network = async (request, pass) =>
    request.url.includes('deleted=true') ? problem(503) : pass()
  await trash.load()
  assert.equal(trash.state.value, 'trouble')
  profile.network = async () => problem(401)
  await trash.load()
  assert.equal(trash.state.value, 'signed-out')
})

test('the cursor of the next page comes from the Link header, and the last page has none', () => {
  const link = '<http://localhost/tasks?deleted=true&limit=100&cursor=abc%3D>; rel="next"'
  assert.equal(cursorIn(link), 'abc=')
  assert.equal(cursorIn(null), undefined)
})
