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
      context.out.print((await completionScript(shell)).trimEnd());
    },
  });
}

export async function completionScript(shell: Shell): Promise<string> {
  const [{ commandTree }, scripts] = await Promise.all([
    import('./command-tree.ts'),
    import('./completion-scripts.ts'),
  ]);
  return scripts[shell](await commandTree());
}

export const completion = group({
  summary: 'Print a completion script for the shell',
  examples: [{ note: 'For the shell at hand:', line: 'completion bash > lockstep.bash; . ./lockstep.bash' }],
  commands: { bash: completionFor('bash'), fish: completionFor('fish'), zsh: completionFor('zsh') },
});
