/** Completion scripts, made from the table of commands: static, so that completing starts no process. */
import { command, group, type Command } from './command.ts';

const shells = ['bash', 'fish', 'zsh'] as const;
type Shell = (typeof shells)[number];

const install: Readonly<Record<Shell, string>> = {
  bash: 'completion bash > /etc/bash_completion.d/lockstep',
  fish: 'completion fish > ~/.config/fish/completions/lockstep.fish',
  zsh: 'completion zsh > "${fpath[1]}/_lockstep"',
};

function completionFor(shell: Shell): Command {
  return command({
    summary: `Print the completion script for ${shell}`,
    local: true,
    examples: [{ note: 'Install it:', line: install[shell] }],
    run: async (context) => {
      const scripts = await import('./completion-scripts.ts');
      context.out.print(scripts[shell](await context.commands()).trimEnd());
    },
  });
}

export const completion = group({
  summary: 'Print a completion script for the shell',
  examples: [{ note: 'For the shell at hand:', line: 'completion bash > lockstep.bash; . ./lockstep.bash' }],
  commands: { bash: completionFor('bash'), fish: completionFor('fish'), zsh: completionFor('zsh') },
});
