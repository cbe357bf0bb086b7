import { Dialog } from './dialog.tsx'
import { keys, sayKey } from './keys.ts'

export const Help = () => (
  <Dialog title="Keyboard">
    {keys.map((group) => (
      <dl key={group[0]?.does} class="keys">
        {group
          .filter(({ keys }) => keys.length)
          .map(({ keys, does }) => (
            <div key={does}>
              <dt>{does}</dt>
              <dd>
                {keys.map((key) => (
                  <kbd key={key}>{sayKey(key)}</kbd>
                ))}
              </dd>
            </div>
          ))}
      </dl>
    ))}
  </Dialog>
)
