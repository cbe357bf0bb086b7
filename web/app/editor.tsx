import { useSignal } from '@preact/signals'
import { useRef } from 'preact/hooks'
import { differing, patched, type Task } from './changes.ts'
import { Dialog } from './dialog.tsx'
import { Field } from './field.tsx'
import { faultsIn } from './limits.ts'
import { discard, finish, remove, type Session, session, today } from './state.ts'
import { text } from './text.ts'

const linksIn = (notes: string) =>
  (notes.match(/https?:\/\/[^\s<>"]+/g) ?? [])
    .map((link) => link.replace(/[.,;:!?)\]]+$/, ''))
    .filter((link) => URL.canParse(link))

/** Tags as a person types them: with or without #, separated by commas. */
export const tagsIn = (line: string) => {
  const tags = new Map<string, string>()
  for (const part of line.split(',')) {
    const tag = part.trim().replace(/^#+/, '').trim()
    if (tag && !tags.has(tag.toLowerCase())) tags.set(tag.toLowerCase(), tag)
  }
  return [...tags.values()]
}

const fieldsIn = (form: FormData, task: Task) => {
  const read = (name: string) => String(form.get(name) ?? '').trim()
  const isTimeNew = read('due_time') && read('due_time') !== task.due_time
  // A time alone means today.
  const due_date = read('due_date') || (isTimeNew ? today.value : null)
  return {
    title: read('title'),
    description: read('description') || null,
    due_date,
    due_time: (due_date && read('due_time')) || null,
    priority: read('priority') as Task['priority'],
    tags: tagsIn(read('tags')),
  }
}

/** The dialog with all fields of a task. Closing it in any way saves, and undo takes that back. */
export const Editor = ({ id, focus }: { id: string; focus: string | undefined }) => {
  const { tasks } = session.value as Session
  // A change that the server refused is not on the list. It is edited from here, then sent again.
  const refused = tasks.parked.value.find(
    (change) => change.id === id && change.parked?.why === 'refused'
  )
  const seen = tasks.all.value.get(id)
  const opened = refused ? patched(seen ?? refused.base, refused.fields) : seen
  // What arrives meanwhile from another device is not undone by saving what was not touched here.
  const task = useRef(opened).current
  /** The task that the edits since the last save start from. */
  const began = useRef(task as Task)
  const faults = useSignal<ReturnType<typeof faultsIn>>({})
  if (!task) return null
  const look = (form: FormData) => {
    faults.value = faultsIn(fieldsIn(form, task))
    return faults.value
  }
  // A field may show a task otherwise than it is, and looking at it must not change it.
  const edited = (form: FormData, before: FormData) =>
    differing(fieldsIn(form, task), { ...task, ...fieldsIn(before, task) })
  const close = (button: string, form: FormData, before: FormData) => {
    if (button === 'discard') return
    if (button === 'delete') {
      if (refused) discard(refused)
      return remove([task])
    }
    const fields = edited(form, before)
    if (refused) void tasks.sendAgain(refused, refused.op, fields)
    else finish(began.current, fields)
  }
  const hide = (form: FormData, before: FormData) => {
    if (refused) return false
    const faults = look(form)
    const fields = Object.entries(edited(form, before)).filter(([name]) => !(name in faults))
    began.current = finish(began.current, Object.fromEntries(fields))
    return !Object.keys(faults).length
  }
  const { title, description, due_date, due_time, priority, tags } = task
  // On a touch screen, a keyboard would cover the task before it is read.
  const first = focus ?? (matchMedia('(pointer: fine)').matches ? 'title' : undefined)
  return (
    <Dialog title="Task" focus={first} onClose={close} onHide={hide} faultsIn={look}>
      <Field label="Title" name="title" defaultValue={title} fault={faults.value.title} />
      <Field
        label="Notes"
        name="description"
        tag="textarea"
        defaultValue={description ?? ''}
        fault={faults.value.description}
      />
      {linksIn(description ?? '').map((link) => (
        <a key={link} class="found" href={link} target="_blank" rel="noreferrer">
          {link}
        </a>
      ))}
      <div class="fields">
        <Field
          label="Due"
          name="due_date"
          type="date"
          max="9999-12-31"
          defaultValue={due_date ?? ''}
        />
        <Field label="Time" name="due_time" type="time" defaultValue={due_time ?? ''} />
        <Field label="Priority" name="priority" tag="select">
          {(['high', 'medium', 'low'] as const).map((name) => (
            <option key={name} value={name} selected={name === priority}>
              {text.priorities[name]}
            </option>
          ))}
        </Field>
      </div>
      <Field
        label="Tags"
        name="tags"
        hint={text.tagsHint}
        // Opened to add a tag, it is ready for the next one.
        defaultValue={`${tags.join(', ')}${focus === 'tags' && tags.length ? ', ' : ''}`}
        fault={faults.value.tags}
      />
      <footer>
        <button type="submit" class="quiet danger" value="delete" formNoValidate>
          Delete
        </button>
        {Object.keys(faults.value).length > 0 && (
          <button type="submit" class="quiet" value="discard" formNoValidate>
            Discard changes
          </button>
        )}
        <button type="submit" class="primary" value="save">
          Save
        </button>
      </footer>
    </Dialog>
  )
}
