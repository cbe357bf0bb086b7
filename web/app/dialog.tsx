import type { ComponentChildren } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { Icon } from './icon.tsx'

type Props = { title: string; onClose: () => void; children: ComponentChildren }

/** A modal dialog. The browser keeps the focus inside, and gives it back. */
export const Dialog = ({ title, onClose, children }: Props) => {
  const dialog = useRef<HTMLDialogElement>(null)
  useEffect(() => dialog.current?.showModal(), [])
  return (
    <dialog ref={dialog} aria-labelledby="dialog-title" onClose={onClose}>
      <div class="dialog">
        <header>
          <h2 id="dialog-title">{title}</h2>
          <button type="button" class="icon-button" onClick={() => dialog.current?.close()}>
            <Icon name="close" />
            <span class="unseen">Close</span>
          </button>
        </header>
        {children}
      </div>
    </dialog>
  )
}
