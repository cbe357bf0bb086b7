import { describe, expect, test } from 'vitest'
import { parse } from 'zod/mini'
import type { Outcome } from '../src/tasks/batch.ts'
import { Changes } from '../src/tasks/changes.ts'
import { TaskProblem } from '../src/tasks/task.ts'
import { type Options, problem, read, Task, type TaskInput, throughProxy } from './api.ts'
import { failInserts, sql } from './rows.ts'
import { atOnce, isEmbedded, newWriter, outcomesOf, type Writer } from './writers.ts'

const ifMatch = ({ updated_at }: Pick<Task, 'updated_at'>) => ({ 'If-Match': `"${updated_at}"` })
const withKey = (key: string) => ({ 'Idempotency-Key': key })

/** The task in a 412. */
const currentOf = async (response: Response) => {
  expect(response.status).toBe(412)
  const { task } = parse(TaskProblem, await response.json())
  return parse(Task, task)
}

/** In the order that they came, of tasks as of outcomes. */
const idsOf = (items: { id: string }[]) => items.map(({ id }) => id)

const statusesOf = (replies: Response[]) => replies.map(({ status }) => status).sort()

describe('writers with one entity tag', () => {
  const writers = 24

  /** A write of each kind that leaves the task alive. */
  const kinds: [method: string, path: string, json?: object][] = [
    ['PATCH', '', { title: 'patched' }],
    ['PUT', '', { title: 'replaced' }],
    ['PATCH', '/complete', { completed: true }],
    ['PATCH', '/complete'],
  ]

  test('exactly one of 24 writers wins, and the others are shown what it wrote', async () => {
    const user = await newWriter()
    let task = await user.newTask({ title: 'contested' })
    for (let round = 0; round < (isEmbedded ? 4 : 20); round++) {
      const replies = await atOnce(writers, (n) => {
        const [method, path, json] = kinds[n % kinds.length] as (typeof kinds)[number]
        return user.send(method, `/tasks/${task.id}${path}`, { json, headers: ifMatch(task) })
      })
      const won = replies.filter(({ status }) => status === 200)
      expect(won, `winners of round ${round}`).toHaveLength(1)
      const winner = await read(won[0] as Response, 200, Task)
      for (const lost of replies.filter(({ status }) => status !== 200))
        expect(await currentOf(lost), `the task in a 412 of round ${round}`).toEqual(winner)
      expect(await user.task(task.id)).toEqual(winner)
      task = winner
    }
  })

  test('exactly one of 24 batches with one if_match wins, and the others see a 412', async () => {
    const user = await newWriter()
    let { id, updated_at: if_match } = await user.newTask({ title: 'contested' })
    for (let round = 0; round < (isEmbedded ? 2 : 10); round++) {
      const outcomes = await atOnce(writers, async (n) => {
        const json = [{ op: 'update', id, if_match, task: { title: `writer ${n}` } }]
        const [outcome] = await outcomesOf(user.send('POST', '/tasks/batch', { json }))
        return outcome as Outcome
      })
      const [winner, ...others] = outcomes.filter(({ status }) => status === 200)
      expect(others).toEqual([])
      const task = await user.task(id)
      expect(winner?.updated_at).toBe(task.updated_at)
      for (const lost of outcomes.filter((outcome) => outcome !== winner))
        expect(lost).toEqual({ id, status: 412, updated_at: task.updated_at, task })
      if_match = task.updated_at
    }
  })

  test('exactly one of 24 deletions wins, and the others see no task', async () => {
    const user = await newWriter()
    for (let round = 0; round < (isEmbedded ? 2 : 10); round++) {
      const task = await user.newTask({ title: 'doomed' })
      const replies = await atOnce(writers, () =>
        user.send('DELETE', `/tasks/${task.id}`, { headers: ifMatch(task) })
      )
      expect(statusesOf(replies)).toEqual([204, ...Array(writers - 1).fill(404)])
    }
  })

  test('exactly one of 24 creators of an id wins, and the others are shown its task', async () => {
    const user = await newWriter()
    for (let round = 0; round < (isEmbedded ? 2 : 10); round++) {
      const path = `/tasks/${crypto.randomUUID()}`
      const replies = await atOnce(writers, (n) =>
        user.send('PUT', path, {
          json: { title: `creator ${n}` },
          headers: { 'If-None-Match': '*' },
        })
      )
      const won = replies.filter(({ status }) => status === 201)
      expect(won).toHaveLength(1)
      const winner = await read(won[0] as Response, 201, Task)
      for (const lost of replies.filter(({ status }) => status !== 201))
        expect(await currentOf(lost)).toEqual(winner)
    }
  })

  test('a counter that is kept by If-Match and retries arrives at its sum', async () => {
    const user = await newWriter()
    const [clients, steps] = isEmbedded ? [3, 4] : [8, 25]
    const { id, ...first } = await user.newTask({ title: 'counter', order: 0 })
    await atOnce(clients, async () => {
      let known = first as Omit<Task, 'id'>
      for (let step = 0; step < steps; ) {
        const response = await user.send('PATCH', `/tasks/${id}`, {
          json: { order: Number(known.order) + 1 },
          headers: ifMatch(known),
        })
        const tag = known.updated_at
        known =
          response.status === 200 ? await read(response, 200, Task) : await currentOf(response)
        expect(known.updated_at).not.toBe(tag)
        if (response.status === 200) step++
      }
    })
    expect((await user.task(id)).order).toBe(clients * steps)
  })
})

describe('restores', () => {
  test('of 24 restores at once one writes, and all show what it wrote', async () => {
    const user = await newWriter()
    const { id } = await user.newTask({ title: 'x' })
    for (let round = 0; round < (isEmbedded ? 2 : 10); round++) {
      await user.send('DELETE', `/tasks/${id}`)
      const restored = await atOnce(24, () =>
        read(user.send('POST', `/tasks/${id}/restore`), 200, Task)
      )
      const task = await user.task(id)
      for (const shown of restored) expect(shown).toEqual(task)
    }
  })

  test.each([
    ['a restore', (id: string) => ['POST', `/tasks/${id}/restore`, undefined] as const],
    [
      'a restore in a batch',
      (id: string) => ['POST', '/tasks/batch', [{ op: 'restore', id }]] as const,
    ],
  ])('%s that meets a deletion under way restores', async (_, requestFor) => {
    const user = await newWriter()
    const { id } = await user.newTask({ title: 'x' })
    const deletion = sql`with
        clock as (update users set changed_at = greatest(now(), changed_at + interval '1 millisecond')
          where id = ${user.id} returning id, changed_at),
        deleted as (update tasks set deleted_at = clock.changed_at, updated_at = clock.changed_at
          from clock where user_id = clock.id and tasks.id = ${id} returning tasks.id)
      select id, pg_sleep(0.5)::text from deleted`.then((rows) => rows)
    // With its one connection, the embedded Postgres has deleted the task by then.
    const alive = async () =>
      (
        await sql`select id from tasks where user_id = ${user.id} and deleted_at is null
          for share skip locked`
      ).length
    await expect.poll(alive).toBe(0)
    const [method, path, json] = requestFor(id)
    expect((await user.send(method, path, { json })).status).toBe(200)
    expect(await deletion).toHaveLength(1)
    expect(await user.task(id)).toMatchObject({ title: 'x' })
  })
})

describe('overlapping batches', () => {
  const batch = (user: Writer, json: object[]) =>
    outcomesOf(user.send('POST', '/tasks/batch', { json }))

  test('counters that 16 batches keep by if_match and retries arrive at their sums', async () => {
    const user = await newWriter()
    const [clients, steps, count] = isEmbedded ? [4, 2, 4] : [16, 8, 12]
    const made = await atOnce(count, () => user.newTask({ title: 'counter', order: 0 }))
    await atOnce(clients, async (client) => {
      const known = new Map(made.map((task) => [task.id, task]))
      // Each client counts on half of the tasks, in an order of its own.
      const mine = made.filter((_, n) => (n + client) % 2).map(({ id }) => id)
      if (client % 4 < 2) mine.reverse()
      for (let step = 0; step < steps; step++)
        for (let left = mine; left.length; ) {
          const outcomes = await batch(
            user,
            left.map((id) => ({
              op: 'update',
              id,
              if_match: known.get(id)?.updated_at,
              task: { order: Number(known.get(id)?.order) + 1 },
            }))
          )
          for (const { id, status, updated_at, task } of outcomes) {
            const before = known.get(id) as Task
            if (status === 200)
              known.set(id, {
                ...before,
                order: Number(before.order) + 1,
                updated_at: String(updated_at),
              })
            else {
              expect(status).toBe(412)
              expect(task?.updated_at).not.toBe(before.updated_at)
              known.set(id, task as Task)
            }
          }
          left = outcomes.flatMap(({ id, status }) => (status === 412 ? id : []))
        }
    })
    const orders = (await user.all()).map(({ order }) => order)
    expect(orders).toEqual(Array(count).fill((clients / 2) * steps))
  })

  test('batches that write different fields of the same tasks lose none of them', async () => {
    const user = await newWriter()
    const fields: Partial<TaskInput>[] = [
      { title: 'written' },
      { description: 'written' },
      { completed: true },
      { priority: 'high' },
      { tags: ['written'] },
      { due_date: '2026-12-01' },
      { order: 7 },
      {},
    ]
    const made = await atOnce(isEmbedded ? 5 : 20, () => user.newTask({ title: 'x' }))
    // Twice each, so 16 batches.
    await atOnce(2 * fields.length, (n) =>
      batch(
        user,
        made.map(({ id }) => ({ op: 'update', id, task: fields[n % fields.length] }))
      )
    )
    for (const task of await user.all()) expect(task).toMatchObject(Object.assign({}, ...fields))
  })

  test('batches that create the same tasks create each once, and none fails', async () => {
    const user = await newWriter()
    const ids = Array.from({ length: 24 }, () => crypto.randomUUID())
    const create = (id: string, n: number) => ({ op: 'create', id, task: { title: `by ${n}` } })
    const outcomes = await atOnce(16, (n) =>
      batch(
        user,
        // Each begins elsewhere, and leaves some out.
        ids.flatMap((_, at) => ((at + n) % 3 ? create(ids[(at + n * 5) % 24] as string, n) : []))
      )
    )
    const created = outcomes.flat().filter(({ status }) => status === 201)
    expect(created.map(({ id }) => id).sort()).toEqual([...ids].sort())
    const tasks = new Map((await user.all()).map((task) => [task.id, task]))
    for (const { id, status, updated_at, task } of outcomes.flat()) {
      expect(updated_at).toBe(tasks.get(id)?.updated_at)
      if (status !== 201) expect({ status, task }).toEqual({ status: 200, task: tasks.get(id) })
    }
  })

  test('a batch creates each task once, however many of them others create meanwhile', async () => {
    const user = await newWriter()
    /** Others may undo the batch as often as the Worker tries. Then it is a 503, and the client tries again. */
    const sendBatch = async (json: object[]) => {
      for (let left = 20; ; left--) {
        const response = await user.send('POST', '/tasks/batch', { json })
        if (response.status !== 503 || left === 1) return outcomesOf(Promise.resolve(response))
        expect(response.headers.get('Retry-After')).toBe('2')
      }
    }
    const ids = Array.from({ length: isEmbedded ? 20 : 100 }, () => crypto.randomUUID())
    const left = [...ids]
    const creators = atOnce(16, async () => {
      for (let id = left.pop(); id; id = left.pop()) {
        const { status } = await user.send('PUT', `/tasks/${id}`, {
          json: { title: 'alone' },
          headers: { 'If-None-Match': '*' },
        })
        expect([201, 412]).toContain(status)
      }
    })
    const json = ids.map((id) => ({ op: 'create', id, task: { title: 'by a batch' } }))
    for (const outcomes of await atOnce(3, () => sendBatch(json)))
      expect(idsOf(outcomes)).toEqual(ids)
    await creators
    expect(idsOf(await user.all()).sort()).toEqual([...ids].sort())
  })

  test('a batch whose statement fails writes nothing, and leaves its key unused', async () => {
    const user = await newWriter()
    const [changed, deleted, trashed] = await atOnce(3, (n) => user.newTask({ title: `task ${n}` }))
    await user.send('DELETE', `/tasks/${trashed?.id}`)
    const state = async () => ({
      tasks: await user.all(),
      trash: await (await user.send('GET', '/tasks?deleted=true')).json(),
    })
    const before = await state()
    const options: Options = {
      headers: withKey('batch'),
      json: [
        { op: 'update', id: changed?.id, task: { title: 'changed' } },
        { op: 'delete', id: deleted?.id },
        { op: 'restore', id: trashed?.id },
        { op: 'create', id: crypto.randomUUID(), task: { title: 'new' } },
      ],
    }
    const allowInserts = await failInserts(user.id)
    try {
      await problem(user.send('POST', '/tasks/batch', options), 500)
    } finally {
      await allowInserts()
    }
    expect(await state()).toEqual(before)
    const outcomes = await outcomesOf(user.send('POST', '/tasks/batch', options))
    expect(outcomes.map(({ status }) => status)).toEqual([200, 204, 200, 201])
  })
})

describe('equal requests with an Idempotency-Key', () => {
  const times = isEmbedded ? 4 : 25

  /** All that two replies to equal requests have in common. */
  const replyOf = async (response: Response) => ({
    status: response.status,
    location: response.headers.get('Location'),
    tag: response.headers.get('ETag'),
    body: await response.json(),
  })

  /** Sends the same so many times at once, and gives the one reply. */
  const sendAtOnce = async (user: Writer, method: string, path: string, options: Options) => {
    const replies = await atOnce(times, async () => replyOf(await user.send(method, path, options)))
    for (const reply of replies) expect(reply).toEqual(replies[0])
    return replies[0] as (typeof replies)[number]
  }

  test('25 equal requests to create a task at once create it once, for each of 40 keys', async () => {
    const user = await newWriter()
    const made: unknown[] = []
    const keys = isEmbedded ? 8 : 40
    // Four keys at a time: more would wait for a connection until the Worker's deadline.
    for (let at = 0; at < keys; at += 4)
      made.push(
        ...(await atOnce(4, async (n) => {
          const json = { title: `task ${at + n}` }
          const headers = withKey(`key-${at + n}`)
          const { status, body } = await sendAtOnce(user, 'POST', '/tasks', { json, headers })
          expect(status).toBe(201)
          return body
        }))
      )
    const byTitle = (a: unknown, b: unknown) => ((a as Task).title < (b as Task).title ? -1 : 1)
    expect((await user.all()).sort(byTitle)).toEqual(made.sort(byTitle))
  })

  test('equal toggles at once toggle once', async () => {
    const user = await newWriter()
    const { id } = await user.newTask({ title: 'x' })
    for (const n of Array(isEmbedded ? 2 : 10).keys()) {
      const headers = withKey(`key-${n}`)
      const { status, body } = await sendAtOnce(user, 'PATCH', `/tasks/${id}/complete`, { headers })
      expect({ status, body }).toEqual({ status: 200, body: await user.task(id) })
      expect((body as Task).completed).toBe(n % 2 === 0)
    }
  })

  test('equal batches at once run once', async () => {
    const user = await newWriter()
    for (const n of Array(isEmbedded ? 2 : 10).keys()) {
      const { id } = await user.newTask({ title: 'x' })
      const json = [
        { op: 'create', id: crypto.randomUUID(), task: { title: 'new' } },
        { op: 'delete', id },
      ]
      const headers = withKey(`key-${n}`)
      const { body } = await sendAtOnce(user, 'POST', '/tasks/batch', { json, headers })
      expect((body as Outcome[]).map(({ status }) => status)).toEqual([201, 204])
    }
  })

  test('equal requests at once with an If-Match get the reply of the one that ran', async () => {
    const user = await newWriter()
    let task = await user.newTask({ title: 'x' })
    for (const n of Array(isEmbedded ? 2 : 10).keys()) {
      const options = {
        json: { title: `round ${n}` },
        headers: { ...withKey(`key-${n}`), ...ifMatch(task) },
      }
      const { status, body } = await sendAtOnce(user, 'PATCH', `/tasks/${task.id}`, options)
      expect({ status, body }).toEqual({ status: 200, body: await user.task(task.id) })
      task = body as Task
    }
  })

  test('equal restores at once restore once', async () => {
    const user = await newWriter()
    const { id } = await user.newTask({ title: 'x' })
    for (const n of Array(isEmbedded ? 2 : 10).keys()) {
      await user.send('DELETE', `/tasks/${id}`)
      const headers = withKey(`key-${n}`)
      const { status, body } = await sendAtOnce(user, 'POST', `/tasks/${id}/restore`, { headers })
      expect({ status, body }).toEqual({ status: 200, body: await user.task(id) })
    }
  })
})

describe('a connection that is cut after the statement ran', () => {
  test.each([
    ['POST', '/tasks', { title: 'new' }, 201],
    ['PATCH', '/tasks/:id/complete', undefined, 200],
    ['PATCH', '/tasks/:id', { title: 'changed' }, 200],
    ['POST', '/tasks/:trashed/restore', undefined, 200],
    [
      'POST',
      '/tasks/batch',
      [{ op: 'create', id: '01935c7a-0000-7000-8000-000000000001', task: { title: 'new' } }],
      200,
    ],
  ])('%s %s sent again with its key has happened once', async (method, path, json, status) => {
    const user = await newWriter()
    const { id } = await user.newTask({ title: 'x' })
    const { id: trashed } = await user.newTask({ title: 'y' })
    await user.send('DELETE', `/tasks/${trashed}`)
    const cut = throughProxy({ fault: 'cut' })
    const accessToken = user.accessToken
    const again = () =>
      cut.send(method, path.replace(':id', id).replace(':trashed', trashed), {
        accessToken,
        json,
        headers: withKey('key'),
      })
    await problem(again(), 503)
    const written = await user.all()
    expect(written).toHaveLength(method === 'POST' ? 2 : 1)
    const reply = await again()
    expect(reply.status).toBe(status)
    const body = await reply.json()
    expect(await user.all()).toEqual(written)
    if (path === '/tasks/batch') {
      const { id, updated_at } = written.find(({ title }) => title === 'new') as Task
      expect(body).toEqual([{ id, status: 201, updated_at, task: null }])
    } else expect(written).toContainEqual(body)
  })
})

describe('GET /tasks/changes while others write', () => {
  const ids = Array.from({ length: isEmbedded ? 12 : 40 }, () => crypto.randomUUID())
  const pick = <Item>(items: readonly Item[]) =>
    items[Math.floor(Math.random() * items.length)] as Item
  const some = (count: number) => [...ids].sort(() => Math.random() - 0.5).slice(0, count)
  const tags = () => ({ tags: [pick(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'])] })
  const title = () => `title ${Math.random()}`

  /** One writer of each kind, and what it sends. Each may meet a task that is gone or in the trash. */
  const kinds: Record<string, () => [method: string, path: string, options?: Options]> = {
    create: () => ['POST', '/tasks', { json: { title: title(), ...tags() } }],
    'create by id': () => [
      'PUT',
      `/tasks/${pick(ids)}`,
      { json: { title: title(), ...tags() }, headers: { 'If-None-Match': '*' } },
    ],
    change: () => ['PATCH', `/tasks/${pick(ids)}`, { json: { title: title(), ...tags() } }],
    toggle: () => ['PATCH', `/tasks/${pick(ids)}/complete`],
    delete: () => ['DELETE', `/tasks/${pick(ids)}`],
    restore: () => ['POST', `/tasks/${pick(ids)}/restore`],
    batch: () => [
      'POST',
      '/tasks/batch',
      {
        json: some(8).map((id, n) => ({
          op: (['create', 'update', 'delete', 'restore'] as const)[n % 4],
          id,
          ...(n % 4 < 2 && { task: { title: title(), ...tags() } }),
        })),
        ...(Math.random() < 0.5 && { headers: withKey(crypto.randomUUID()) }),
      },
    ],
    'delete by filter': () => ['DELETE', `/tasks?tag=${tags().tags[0]}`],
  }

  /** Pulls until there is no more, into a copy of the tasks. */
  const newReader = (user: Writer, limit: number) => {
    const copy = new Map<string, Task>()
    const versions = new Set<string>()
    let since = ''
    const pull = async () => {
      for (let more = true; more; ) {
        const path = `/tasks/changes?limit=${limit}${since && `&since=${since}`}`
        const page = await read(user.send('GET', path), 200, Changes)
        for (const task of page.tasks) {
          const version = `${task.id} of ${task.updated_at}`
          expect(versions, `versions told to a reader of ${limit}`).not.toContain(version)
          versions.add(version)
          copy.set(task.id, task)
        }
        for (const id of page.deleted) copy.delete(id)
        expect(page.tasks.length + page.deleted.length).toBeLessThanOrEqual(limit)
        since = page.next
        more = page.more
      }
    }
    return { limit, copy, pull }
  }

  const byId = (a: Task, b: Task) => (a.id < b.id ? -1 : 1)

  test('the copies of three readers equal the list once the writers are done', async () => {
    const user = await newWriter()
    const readers = [1, 7, 500].map((limit) => newReader(user, limit))
    let isWriting = true
    const steps = isEmbedded ? 6 : 60
    const writing = Promise.all(
      Object.values(kinds).map(async (kind) => {
        for (let step = 0; step < steps; step++) {
          const response = await user.send(...kind())
          expect([200, 201, 204, 404, 409, 412]).toContain(response.status)
        }
      })
    ).finally(() => {
      isWriting = false
    })
    await Promise.all([
      writing,
      ...readers.map(async ({ pull }) => {
        while (isWriting) await pull()
      }),
    ])
    const list = (await user.all()).sort(byId)
    for (const { limit, copy, pull } of readers) {
      await pull()
      expect([...copy.values()].sort(byId), `the copy of the reader of ${limit}`).toEqual(list)
    }
  })
})
