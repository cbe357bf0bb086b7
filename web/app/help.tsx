import { Dialog } from './dialog.tsx'
import { keys, keysOf, sayKey } from './keys.ts'

export const Help = () => (
  <Dialog title="Keyboard">
    {keys
      .map((group) => group.filter((key) => keysOf(key).length))
      .filter((group) => group.length)
      .map((group) => (
        <dl key={group[0]?.does} class="keys">
          {group.map((key) => (
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
      ))}
  </Dialog>
)
