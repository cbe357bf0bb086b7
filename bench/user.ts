import type { Worker } from './workerd.ts'

export type User = {
  id: string
  email: string
  password: string
  /** Access token. */
  token: string
  /** Ids of the tasks that the user was created with. */
  tasks: string[]
}

export const newTask = JSON.stringify({
  title: 'Ring the plumber about the kitchen tap',
  description: 'It has been dripping since Monday. Ask whether the washer is still to be had.',
  tags: ['home', 'phone'],
  due_date: '2026-12-01',
})

const post = async (worker: Worker, path: string, body: string, headers = {}) => {
  const response = await fetch(worker.url + path, {
    method: 'POST',
    headers: { ...headers, 'Content-Type': 'application/json' },
    body,
  })
  if (!response.ok) throw new Error(`POST ${path}: ${response.status} ${await response.text()}`)
  const reply = (await response.json()) as Record<string, string>
  return { ...reply, setCookie: response.headers.get('Set-Cookie') }
}

type Reply = { id?: string; access_token?: string; setCookie: string | null }

/** Begins a session. */
export const logIn = (
  worker: Worker,
  { email, password }: Pick<User, 'email' | 'password'>
): Promise<Reply> => post(worker, '/auth/login', JSON.stringify({ email, password }))

/** Signs a user up, logs in and creates that many tasks, all through the API. */
export const signUp = async (worker: Worker, email: string, tasks: number): Promise<User> => {
  const password = 'correct horse battery'
  const { id = '' }: Reply = await post(worker, '/auth/signup', JSON.stringify({ email, password }))
  const { access_token: token = '' } = await logIn(worker, { email, password })
  const user: User = { id, email, password, token, tasks: [] }
  while (user.tasks.length < tasks) {
    const task: Reply = await post(worker, '/tasks', newTask, { Authorization: `Bearer ${token}` })
    user.tasks.push(task.id ?? '')
  }
  return user
}
