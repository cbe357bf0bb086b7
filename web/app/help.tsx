import { Dialog } from './dialog.tsx'
import { keys, keysOf, sayKey } from './keys.ts'

export const Help = () => {
  const groups = keys.map((group) => group.filter((key) => keysOf(key).length))
  return (
    <Dialog title="Keyboard">
      {groups.map(
        ([first, ...rest]) =>
          first && (
            <dl key={first.does} class="keys">
              {[first, ...rest].map((key) => (
                <div key={key.does}>
                  <dt>{key.does}</dt>
                  <dd>
                    {keysOf(key).map((key) => (
                      <kbd key={key}>{sayKey(key)}</kbd>
                    ))}
                  </dd>
                </div>
              ))}
            </dl>
          )
      )}
    </Dialog>
  )
}
