import type { Worker } from './workerd.ts'

export type User = {
  id: string
  email: string
  password: string
  token: string
  /** Their ids. */
  tasks: string[]
}

export const newTask = JSON.stringify({
  title: 'Ring the plumber about the kitchen tap',
  description: 'It has been dripping since Monday. Ask whether the washer is still to be had.',
  tags: ['home', 'phone'],
  due_date: '2026-12-01',
})

/** A new user with so many tasks, made through the API. */
export const signUp = async (worker: Worker, email: string, tasks: number): Promise<User> => {
  const post = async (
    path: string,
    body: string,
    headers = {}
  ): Promise<Record<string, string>> => {
    const response = await fetch(worker.url + path, {
      method: 'POST',
      headers: { ...headers, 'Content-Type': 'application/json' },
      body,
    })
    if (!response.ok) throw new Error(`POST ${path}: ${response.status} ${await response.text()}`)
    return (await response.json()) as Record<string, string>
  }
  const password = 'correct horse battery'
  const { id = '' } = await post('/auth/signup', JSON.stringify({ email, password }))
  const { access_token: token = '' } = await post(
    '/auth/login',
    JSON.stringify({ email, password })
  )
  const user: User = { id, email, password, token, tasks: [] }
  while (user.tasks.length < tasks) {
    const task = await post('/tasks', newTask, { Authorization: `Bearer ${token}` })
    user.tasks.push(task.id ?? '')
  }
  return user
}
