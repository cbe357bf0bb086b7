import { createClient } from 'edge-todo/client'
import type { InferRequestType, InferResponseType } from 'hono/client'
import type { Problem } from '../../src/http/problem.ts'
import type { Outcome } from '../../src/tasks/batch.ts'
import type { Changes } from '../../src/tasks/changes.ts'
import type { Task, TaskProblem } from '../../src/tasks/task.ts'

/** Compiles as a front end would, without the types of Workers: that it does is the test. */
type Equal<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const is = <_Holds extends true>() => {}

const { auth, tasks, health } = createClient('https://api.example.com', 'token')
type StatusOf<Call extends (...args: never[]) => Promise<{ status: number }>> = Awaited<
  ReturnType<Call>
>['status']
type Thrown = 400 | 401 | 413 | 415 | 429 | 500 | 503

is<
  Equal<
    InferResponseType<typeof auth.login.$post, 200>,
    { access_token: string; token_type: 'bearer' }
  >
>()
is<
  Equal<
    InferResponseType<typeof auth.signup.$post, 201>,
    { id: string; email: string; email_verified: boolean; created_at: string }
  >
>()
is<
  Equal<InferRequestType<typeof auth.signup.$post>, { json: { email: string; password: string } }>
>()
is<Equal<InferResponseType<typeof tasks.$get, 200>, Task[]>>()
is<Equal<InferResponseType<typeof tasks.$post, 201>, Task>>()
is<Equal<InferResponseType<typeof tasks.$post, 422>, Problem>>()
is<Equal<InferResponseType<typeof tasks.$post, 401>, Problem>>()
is<Equal<InferResponseType<(typeof tasks)[':id']['$patch'], 200>, Task>>()
is<Equal<InferResponseType<(typeof tasks)[':id']['$get'], 404>, Problem>>()
is<Equal<InferResponseType<typeof health.$get, 200>, { status: 'ok' }>>()

is<Equal<StatusOf<typeof auth.signup.$post>, 201 | 409 | 422 | Thrown>>()
is<Equal<StatusOf<typeof auth.login.$post>, 200 | 422 | Thrown>>()
is<Equal<StatusOf<typeof auth.password.forgot.$post>, 202 | 422 | Thrown>>()
is<Equal<StatusOf<typeof auth.password.reset.$post>, 204 | 422 | Thrown>>()
is<Equal<StatusOf<typeof auth.password.$put>, 204 | 403 | 422 | Thrown>>()
is<Equal<StatusOf<typeof auth.email.$put>, 202 | 403 | 422 | Thrown>>()
is<Equal<StatusOf<typeof auth.email.confirm.$post>, 204 | 422 | Thrown>>()
is<Equal<StatusOf<typeof auth.email.resend.$post>, 202 | 204 | Thrown>>()
is<Equal<StatusOf<typeof tasks.$get>, 200 | 304 | 422 | Thrown>>()
is<Equal<StatusOf<typeof tasks.$post>, 201 | 412 | 422 | Thrown>>()
is<Equal<StatusOf<typeof tasks.$delete>, 204 | 412 | 422 | Thrown>>()
is<Equal<StatusOf<(typeof tasks)[':id']['$put']>, 200 | 201 | 404 | 409 | 412 | 422 | Thrown>>()
is<Equal<StatusOf<(typeof tasks)[':id']['complete']['$patch']>, 200 | 404 | 412 | 422 | Thrown>>()
is<Equal<StatusOf<(typeof tasks)[':id']['$delete']>, 204 | 404 | 412 | Thrown>>()
is<Equal<StatusOf<(typeof tasks)['batch']['$post']>, 200 | 412 | 422 | Thrown>>()
is<Equal<StatusOf<(typeof tasks)['changes']['$get']>, 200 | 410 | 422 | Thrown>>()
is<Equal<StatusOf<(typeof tasks)[':id']['restore']['$post']>, 200 | 404 | 412 | Thrown>>()
is<Equal<InferResponseType<(typeof tasks)[':id']['$patch'], 412>, TaskProblem>>()
is<Equal<InferResponseType<(typeof tasks)['batch']['$post'], 200>, Outcome[]>>()
is<Equal<InferResponseType<(typeof tasks)['changes']['$get'], 200>, Changes>>()

void (async () => {
  await tasks.$get({ query: { sort: '-due_date', priority: ['low', 'high'], tag: 'work' } })
  await tasks[':id'].complete.$patch({ param: { id: 'x' } })
  await tasks[':id'].complete.$patch({ param: { id: 'x' }, json: { completed: true } })
  await tasks[':id'].$patch({ param: { id: 'x' }, json: { due_date: null } })

  // @ts-expect-error a title is required
  await tasks.$post({ json: {} })
  // @ts-expect-error there is no such priority
  await tasks.$post({ json: { title: 'x', priority: 'urgent' } })
  // @ts-expect-error there is no such order
  await tasks.$get({ query: { sort: 'colour' } })
  // @ts-expect-error a title cannot be cleared
  await tasks[':id'].$patch({ param: { id: 'x' }, json: { title: null } })
  // @ts-expect-error an id is required
  await tasks[':id'].$get()
  // @ts-expect-error there is no such path
  await tasks.archive.$get()
})
