import type { components, paths } from '../../../dist/openapi.d.ts'

/** The JSON body of an operation, as openapi-typescript types it with its default settings. */
type Body<Operation extends { requestBody?: { content: object } }> = NonNullable<
  Operation['requestBody']
>['content'] extends { 'application/json': infer Json }
  ? Json
  : never
type NewTask = components['schemas']['NewTask']

const is = <Type>(..._values: Type[]) => {}
declare const task: components['schemas']['Task']

is<NewTask>({ title: 'Buy milk' }, { title: 'Buy milk', priority: 'high', due_date: null })
// A task that was read can be put back.
is<NewTask>(task)
is<Body<paths['/tasks']['post']>>({ title: 'Buy milk' })
is<Body<paths['/tasks/{id}']['put']>>({ title: 'Buy milk' })
is<Body<paths['/tasks/{id}']['patch']>>({}, { due_date: null })
is<Body<paths['/tasks/{id}/complete']['patch']>>({ completed: true })
is<Body<paths['/auth/signup']['post']>>({ email: 'ada@example.com', password: 'correct horse' })

// @ts-expect-error a title is required
is<NewTask>({})
// @ts-expect-error there is no such priority
is<NewTask>({ title: 'Buy milk', priority: 'urgent' })
// @ts-expect-error there is no such field
is<NewTask>({ title: 'Buy milk', colour: 'red' })
