import { useRef } from 'preact/hooks'
import { patched, type Task } from './changes.ts'
import { Dialog } from './dialog.tsx'
import { edit, opened, remove, session } from './state.ts'
import { text } from './text.ts'

const linksIn = (notes: string) =>
  (notes.match(/https?:\/\/[^\s<>"]+/g) ?? [])
    .map((link) => link.replace(/[.,;:!?)\]]+$/, ''))
    .filter((link) => URL.canParse(link))

/** Tags as a person types them: with or without #, separated by commas. */
const tagsIn = (line: string) => {
  const tags = new Map<string, string>()
  for (const part of line.split(',')) {
    const tag = [...part.trim().replace(/^#+/, '').trim()].slice(0, 50).join('')
    if (tag && !tags.has(tag.toLowerCase())) tags.set(tag.toLowerCase(), tag)
  }
  return [...tags.values()].slice(0, 20)
}

const Form = ({ task, onDelete }: { task: Task; onDelete: () => void }) => (
  <>
    <div class="field">
      <label for="edit-title">Title</label>
      <input id="edit-title" name="title" defaultValue={task.title} required maxLength={510} />
    </div>
    <div class="field">
      <label for="edit-notes">Notes</label>
      <textarea
        id="edit-notes"
        name="description"
        rows={5}
        maxLength={10_000}
        defaultValue={task.description ?? ''}
      />
      {linksIn(task.description ?? '').map((link) => (
        <a key={link} href={link} target="_blank" rel="noreferrer">
          {link}
        </a>
      ))}
    </div>
    <div class="fields">
      <div class="field">
        <label for="edit-date">Due</label>
        <input
          id="edit-date"
          name="due_date"
          type="date"
          max="9999-12-31"
          defaultValue={task.due_date ?? ''}
        />
      </div>
      <div class="field">
        <label for="edit-time">Time</label>
        <input id="edit-time" name="due_time" type="time" defaultValue={task.due_time ?? ''} />
      </div>
      <div class="field">
        <label for="edit-priority">Priority</label>
        <select id="edit-priority" name="priority">
          {(['high', 'medium', 'low'] as const).map((priority) => (
            <option key={priority} value={priority} selected={priority === task.priority}>
              {priority[0]?.toUpperCase()}
              {priority.slice(1)}
            </option>
          ))}
        </select>
      </div>
    </div>
    <div class="field">
      <label for="edit-tags">Tags, separated by commas</label>
      <input id="edit-tags" name="tags" defaultValue={task.tags.join(', ')} />
    </div>
    <footer>
      <button type="button" class="quiet danger" onClick={onDelete}>
        Delete
      </button>
      <button type="submit" class="primary">
        Save
      </button>
    </footer>
  </>
)

const fieldsIn = (form: HTMLFormElement, task: Task) => {
  const data = new FormData(form)
  const read = (name: string) => String(data.get(name) ?? '').trim()
  const title = [...(read('title') || task.title)].slice(0, 255).join('')
  const due_date = read('due_date') || null
  return {
    title,
    description: read('description') || null,
    due_date,
    due_time: (due_date && read('due_time')) || null,
    priority: read('priority') as Task['priority'],
    tags: tagsIn(read('tags')),
  }
}

/** The dialog with all fields of a task. Closing it in any way saves, and undo takes that back. */
export const Editor = () => {
  const form = useRef<HTMLFormElement>(null)
  const id = opened.value
  const tasks = session.value?.tasks
  if (!id || !tasks) return null
  // A change that the server refused is not on the list. It is edited from here, then sent again.
  const refused = tasks.parked.value.find(
    (change) => change.id === id && change.parked?.why === 'refused'
  )
  const seen = tasks.all.value.get(id)
  const task = refused ? patched(seen ?? refused.base, refused.fields) : seen
  if (!task) return null
  const close = (isSaved: boolean) => {
    if (opened.value !== task.id) return
    opened.value = undefined
    if (!isSaved || !form.current) return
    const fields = fieldsIn(form.current, task)
    if (refused) void tasks.sendAgain(refused, refused.op, fields)
    else edit([task.id], fields)
  }
  return (
    <Dialog key={task.id} title={text.edit} onClose={() => close(true)}>
      <form
        ref={form}
        noValidate
        onSubmit={(event) => {
          event.preventDefault()
          form.current?.closest('dialog')?.close()
        }}
      >
        <Form
          task={task}
          onDelete={() => {
            close(false)
            if (refused) void tasks.discard(refused)
            else remove(task)
          }}
        />
      </form>
    </Dialog>
  )
}
