import type { ComponentChildren } from 'preact'
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import { IconButton } from './icon.tsx'
import { say, show, whenHidden } from './state.ts'

type Props = {
  title: string
  /** The name of the field to begin with. */
  focus?: string | undefined
  /**
   * Called with the value of the button that closed it, which is empty for Close and Esc, with the
   * fields, and with the fields as they were first.
   */
  onClose?: (button: string, fields: FormData, before: FormData) => void
  /** What is wrong with the fields, by name. Then only a button with `formNoValidate` closes it. */
  faultsIn?: (fields: FormData) => Record<string, string>
  /** Called when the page goes out of sight. What it has saved counts as there before. */
  onHide?: (fields: FormData, before: FormData) => boolean
  children: ComponentChildren
}

/** A modal dialog. The browser keeps the focus inside, and gives it back. */
export const Dialog = ({ title, focus, faultsIn, onClose, onHide, children }: Props) => {
  const dialog = useRef<HTMLDialogElement>(null)
  const form = useRef<HTMLFormElement>(null)
  const before = useRef(new FormData())
  // Before the next key, which may be the first letter of what the person types.
  useLayoutEffect(() => {
    dialog.current?.showModal()
    if (form.current) before.current = new FormData(form.current)
    const field = focus && dialog.current?.querySelector<HTMLInputElement>(`[name=${focus}]`)
    if (!field) return
    field.focus()
    // What is typed goes behind what is there. A date has no such place.
    if (field.selectionEnd === 0) field.selectionStart = field.value.length
  }, [focus])
  useEffect(() =>
    whenHidden(() => {
      if (!form.current) return
      const fields = new FormData(form.current)
      if (onHide?.(fields, before.current)) before.current = fields
    })
  )
  /** Stays at the first fault. True when there is one. */
  const check = (event: Event) => {
    const [fault] = Object.entries(faultsIn?.(new FormData(form.current ?? undefined)) ?? {})
    if (!fault) return false
    event.preventDefault()
    const [name, words] = fault
    say(words, 'assertive')
    dialog.current?.querySelector<HTMLElement>(`[name=${name}]`)?.focus()
    return true
  }
  const submit = (event: SubmitEvent) => {
    if (!(event.submitter as HTMLButtonElement | null)?.formNoValidate) check(event)
  }
  const close = (event: Event) => {
    // Some browsers close it all the same when Esc is pressed twice.
    if (!dialog.current?.returnValue && check(event)) return dialog.current?.showModal()
    show(undefined)
    if (!form.current) return
    onClose?.(dialog.current?.returnValue ?? '', new FormData(form.current), before.current)
  }
  return (
    <dialog ref={dialog} aria-labelledby="dialog-title" onCancel={check} onClose={close}>
      <form ref={form} method="dialog" noValidate onSubmit={submit}>
        <header>
          <h2 id="dialog-title">{title}</h2>
          <IconButton type="submit" icon="close" label="Close" value="" />
        </header>
        {children}
      </form>
      <div class="said unseen" role="status" />
    </dialog>
  )
}
