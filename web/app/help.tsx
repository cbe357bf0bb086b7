import { Dialog } from './dialog.tsx'
import { keys } from './keys.ts'
import { isHelpShown } from './state.ts'

const names: Record<string, string> = {
  ' ': 'Space',
  ArrowDown: '↓',
  ArrowUp: '↑',
  Escape: 'Esc',
  Mod: 'Ctrl',
}

const Keys = ({ combination }: { combination: string }) => (
  <kbd>
    {combination
      .split('+')
      .map((key) => names[key] ?? key)
      .join(' ')}
  </kbd>
)

export const Help = () =>
  isHelpShown.value && (
    <Dialog
      title="Keyboard"
      onClose={() => {
        isHelpShown.value = false
      }}
    >
      <dl class="keys">
        {keys.map(({ keys, does }) => (
          <div key={does}>
            <dt>
              {keys.map((combination) => (
                <Keys key={combination} combination={combination} />
              ))}
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  )
