import { describe, expect, test } from 'vitest'
import { forAll, newUser, type Options, raw, visible } from './api.ts'
import { everything } from './task-values.ts'

/** A user with a task, and a stranger whose tasks this user must not find. */
const strangers = async () => {
  const [user, stranger] = await Promise.all([newUser(), newUser()])
  const task = await user.newTask({ title: 'mine' })
  const [bare, full] = await Promise.all([
    stranger.newTask({ title: 'bare' }),
    stranger.newTask(everything),
  ])
  return {
    user,
    task,
    theirs: [bare, full],
    unchanged: async () => {
      expect(await user.tasks()).toEqual([task])
      expect(await stranger.tasks('sort=title')).toEqual([bare, full])
    },
  }
}

describe('the id of a task in a path', () => {
  test.each<[method: string, suffix: string, Options]>([
    ['GET', '', {}],
    ['PUT', '', { json: { title: 'mine now' } }],
    ['PATCH', '', { json: {} }],
    ['PATCH', '', { json: { id: 'read-only' } }],
    ['PATCH', '', { json: { title: 'mine now' } }],
    ['PATCH', '', { json: { due_date: null } }],
    // A 422 would tell that the task exists and has no due_date.
    ['PATCH', '', { json: { due_time: '10:00' } }],
    ['PATCH', '/complete', {}],
    ['PATCH', '/complete', { json: { completed: true } }],
    ['PATCH', '/complete', { json: { completed: false } }],
    ['DELETE', '', {}],
  ])(
    "%s /tasks/{id}%s of an unknown, a stranger's or a malformed id is the same 404: %j",
    async (...operation) => {
      const [method, suffix, options] = operation
      const { user, task, theirs, unchanged } = await strangers()
      const answer = async (id: string) => {
        const response = await user.send(method, `/tasks/${id}${suffix}`, options)
        return response.status === 404 ? visible(response, 404) : response.status
      }
      const unknown = await answer(crypto.randomUUID())
      const ids = [
        ...theirs.flatMap(({ id }) => [
          id,
          id.toUpperCase(),
          id.replaceAll('-', ''),
          `{${id}}`,
          `${id}%20`,
        ]),
        crypto.randomUUID().toUpperCase(),
        '00000000-0000-0000-0000-000000000000',
        'ffffffff-ffff-ffff-ffff-ffffffffffff',
        'x',
        '0',
        '-1',
        'null',
        '__proto__',
        'constructor',
        'complete',
        '*',
        ':id',
        task.id.replaceAll('-', ''),
        task.id.slice(1),
        `${task.id}0`,
        `${task.id}-`,
        `{${task.id}}`,
        `%7B${task.id}%7D`,
        `urn:uuid:${task.id}`,
        `%20${task.id}`,
        `${task.id}%0A`,
        `${task.id}%00`,
        `${task.id},${task.id}`,
        `${task.id};x=1`,
        '%00',
        '%FF',
        '%ff',
        '%',
        '%zz',
        '%E0%A4%A',
        '%F0%9F%A6%84',
        '%2F',
        '..%2F..%2Fhealth',
        "'%20or%20'1'='1",
        '1;drop%20table%20tasks',
        'x'.repeat(8_000),
        '%41'.repeat(2_000),
      ]
      await forAll(ids, async (id) =>
        expect.soft(await answer(id), id.slice(0, 80)).toEqual(unknown)
      )
      await unchanged()
    }
  )

  test('an id in capitals is the same UUID, and the reply has it in lower case', async () => {
    const { user, task } = await strangers()
    expect(await user.task(task.id.toUpperCase())).toEqual(task)
  })

  test("a faulty body is the same error for an unknown, a stranger's and a malformed id", async () => {
    const { user, theirs, unchanged } = await strangers()
    const ids = [crypto.randomUUID(), ...theirs.map(({ id }) => id), 'not-a-uuid']
    for (const [method, suffix] of [
      ['PUT', ''],
      ['PATCH', ''],
      ['PATCH', '/complete'],
    ] as const)
      for (const [status, options] of [
        [422, { json: { title: 5, completed: 5 } }],
        [400, raw('{')],
        [415, raw('{}', 'text/plain')],
      ] as const) {
        const answers = await Promise.all(
          ids.map((id) => visible(user.send(method, `/tasks/${id}${suffix}`, options), status))
        )
        expect(answers).toEqual(ids.map(() => answers[0]))
      }
    await unchanged()
  })
})
