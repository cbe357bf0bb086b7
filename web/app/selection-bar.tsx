import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { union } from './changes.ts'
import { Dialog } from './dialog.tsx'
import { tagsIn } from './editor.tsx'
import { Field } from './field.tsx'
import { Icon, IconButton, type IconName } from './icon.tsx'
import { dates, type Key, priorities } from './keys.ts'
import { faultsIn } from './limits.ts'
import { openMenu } from './menu.tsx'
import {
  addTags,
  focusList,
  isSelecting,
  openField,
  remove,
  reschedule,
  selected,
  toggle,
  unselect,
} from './state.ts'
import { text } from './text.ts'

type ActProps = { icon: IconName; name: string; act: (button: HTMLElement) => void; menu?: boolean }

const Act = ({ icon, name, act, menu }: ActProps) => (
  <button
    type="button"
    aria-haspopup={menu ? 'menu' : undefined}
    aria-expanded={menu ? false : undefined}
    onClick={({ currentTarget }) => act(currentTarget)}
  >
    <Icon name={icon} />
    {name}
  </button>
)

const Bar = () => {
  const tasks = selected.value
  const name = text.selected(tasks.length)
  const open = (group: Key[]) => (button: HTMLElement) =>
    openMenu({ name, tasks, groups: [group], button })
  // The last of the tasks may have left the view together with the button that was pressed.
  useEffect(
    () => () => {
      if (document.activeElement === document.body) focusList()
    },
    []
  )
  return (
    <section class="selection" aria-label="Selection">
      <p>{name}</p>
      <div class="acts">
        <Act
          icon="check"
          name={tasks.every(({ completed }) => completed) ? 'Reopen' : 'Done'}
          act={() => toggle(tasks)}
        />
        <Act icon="upcoming" name="Date" menu act={open(dates)} />
        <Act icon="high" name="Priority" menu act={open(priorities)} />
        <Act icon="tag" name="Tags" act={() => openField(tasks, 'tags')} />
        <Act icon="trash" name="Delete" act={() => remove(tasks)} />
      </div>
      <IconButton icon="close" label="Clear the selection" onClick={unselect} />
    </section>
  )
}

/** What can be done with all selected tasks. */
export const SelectionBar = () => isSelecting.value && <Bar />

/** Asks for what all selected tasks get. Closing it gives it to them, and undo takes that back. */
export const SelectedEditor = ({ field }: { field: 'due_date' | 'tags' }) => {
  // Those that it was opened for, whatever is selected by then.
  const tasks = useRef(selected.value).current
  const close = (button: string, form: FormData) => {
    if (button === 'cancel') return
    const value = String(form.get(field) ?? '')
    if (field === 'tags') addTags(tasks, tagsIn(value))
    else if (value) reschedule(tasks, value)
  }
  const fault = useSignal('')
  /** The tags go beside those that each task has. */
  const look = (form: FormData): Record<string, string> => {
    const tags = tagsIn(String(form.get('tags') ?? ''))
    const all = tasks.map((task) => faultsIn({ tags: union(tags, task.tags) }).tags)
    fault.value = all.find(Boolean) ?? ''
    return fault.value ? { [field]: fault.value } : {}
  }
  return (
    <Dialog title={text.selected(tasks.length)} focus={field} onClose={close} faultsIn={look}>
      {field === 'tags' ? (
        <Field
          label={text.newTags}
          name={field}
          hint={text.tagsHint}
          fault={fault.value}
          autocomplete="off"
        />
      ) : (
        <Field label="Due" name={field} type="date" max="9999-12-31" />
      )}
      <footer>
        <button type="submit" class="quiet" value="cancel" formNoValidate>
          Cancel
        </button>
        <button type="submit" class="primary" value="save">
          Save
        </button>
      </footer>
    </Dialog>
  )
}
