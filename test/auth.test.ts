import { expect, test } from 'vitest'
import { newUser, send } from './api.ts'

test('first', async () => {
  const user = await newUser()
  const task = await user.newTask({ title: 'x' })
  expect(task.title).toBe('x')
  expect((await send('GET', '/tasks')).status).toBe(401)
})
