import assert from 'node:assert/strict'
import { test } from 'node:test'
import { byOrder } from '../../web/app/order.ts'
import { isBatch, newDevice, newPerson, offline } from './devices.ts'

test('250 changes that were made offline arrive in three batches', async () => {
  const { tab, profile, email } = await newPerson()
  const { id } = tab.tasks.add('', { title: 'Old' })
  await tab.run()
  profile.network = offline
  await tab.tasks.change('', [id], { title: 'Edited' })
  for (let n = 1; n < 250; n++) tab.tasks.add('', { title: `Task ${n}` })
  assert.equal(await tab.run(), 'offline')
  assert.equal(tab.tasks.waiting.value, 250)
  const sizes: number[] = []
  profile.network = async (request, pass) => {
    if (isBatch(request)) sizes.push((await request.clone().json()).length)
    return pass()
  }
  assert.equal(await tab.run(), 'synced')
  assert.deepEqual(sizes, [100, 100, 50])
  assert.equal(tab.tasks.waiting.value, 0)
  const { tab: other } = await newDevice(email)
  await other.run()
  assert.deepEqual(other.titles(), tab.titles())
})

test('of 200 tasks that are completed at once, the one that is gone loses none of the others', async () => {
  const { tab, email } = await newPerson()
  for (let n = 0; n < 200; n++) tab.tasks.add('', { title: `Task ${n}` })
  await tab.run()
  const ids = [...tab.tasks.all.value.keys()]
  const [gone = ''] = ids
  const { tab: other } = await newDevice(email)
  await other.run()
  await other.tasks.remove('', [gone])
  await other.run()
  await tab.tasks.change('', ids, { completed: true })
  assert.equal(await tab.run(), 'synced')
  assert.deepEqual(
    tab.tasks.parked.value.map(({ id, parked }) => [id, parked]),
    [[gone, { why: 'deleted' }]]
  )
  assert.equal(tab.tasks.waiting.value, 0)
  await other.run()
  const done = [...other.tasks.all.value.values()].filter(({ completed }) => completed)
  assert.equal(done.length, 199)
})

test('200 tasks that are completed and undone are on the server as before', async () => {
  for (const isSent of [false, true]) {
    const { tab, email } = await newPerson()
    for (let n = 0; n < 200; n++) tab.tasks.add('', { title: `Task ${n}` })
    await tab.run()
    const before = [...tab.tasks.all.value.values()].map(({ updated_at: _, ...task }) => task)
    await tab.tasks.change('Completed 200 tasks', [...tab.tasks.all.value.keys()], {
      completed: true,
    })
    if (isSent) await tab.run()
    assert.equal(tab.tasks.undo(), 'Completed 200 tasks')
    await tab.run()
    const { tab: other } = await newDevice(email)
    await other.run()
    for (const task of before) {
      const { updated_at: _, ...after } = other.task(task.id)
      assert.deepEqual(after, task)
    }
  }
})

test('a tag that several tasks get leaves each its own tags, and one undo takes it from all', async () => {
  const { tab } = await newPerson()
  const ids = [['a'], ['b']].map((tags) => tab.tasks.add('', { title: 'A', tags }).id)
  await tab.tasks.change('', ids, ({ tags }) => ({ tags: [...tags, 'new'] }))
  await tab.run()
  const tags = () => ids.map((id) => tab.task(id).tags)
  assert.deepEqual(tags(), [
    ['a', 'new'],
    ['b', 'new'],
  ])
  tab.tasks.undo()
  await tab.run()
  assert.deepEqual(tags(), [['a'], ['b']])
})

test('several tasks are added in their order, below the others, with one undo', async () => {
  const { tab } = await newPerson()
  tab.tasks.add('', { title: 'First' })
  const { title } = tab.tasks.add('Added 3', { title: 'One' }, { title: 'Two' }, { title: 'Three' })
  assert.equal(title, 'One')
  const orders = [...tab.tasks.all.value.values()].sort(byOrder)
  assert.deepEqual(
    orders.map(({ title }) => title),
    ['First', 'One', 'Two', 'Three']
  )
  assert.equal(new Set(orders.map(({ order }) => order)).size, 4)
  assert.equal(tab.tasks.undo(), 'Added 3')
  assert.deepEqual(tab.titles(), ['First'])
})
