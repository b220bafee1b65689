/** Watches a node: each of its replies must be what the path table declares. */
import { Node } from '../../src/core/node.ts';
import { lookUp } from '../../src/core/requests/access.ts';
import { problemOfReply, type Declared } from '../../src/framework/check-reply.testing.ts';
import type { Outcome, Request } from '../../src/framework/request.ts';
import { compileRouter } from '../../src/framework/router.ts';
import { chain } from '../../src/lib/chain.ts';
import { systemPaths } from '../../src/sys/system.ts';

const system = compileRouter(systemPaths);

/** Looked up before the request runs, which may move or remove the mount. */
function operationOf(node: Node, request: Request): Declared | undefined {
  const { verb, path } = request;
  if (node.sealed) return system.match(path.replace(/^sys\//, ''))?.path.operations[verb];
  return lookUp(node.services, request).match?.path.operations[verb];
}

type Handle = (this: Node, request: Request) => Outcome | Promise<Outcome>;

/** From now on every node of this process tells `report` of replies that are not as declared. */
export function watchReplies(report: (problem: string) => void): void {
  const handle = Object.getOwnPropertyDescriptor(Node.prototype, 'handle')?.value as Handle;
  Node.prototype.handle = function checked(this: Node, request: Request): Outcome | Promise<Outcome> {
    const operation = request.help ? undefined : operationOf(this, request);
    return chain(handle.call(this, request), (outcome) => {
      const problem = operation === undefined ? undefined : problemOfReply(operation, outcome);
      if (problem !== undefined) report(`${request.verb} ${request.path}: ${problem}`);
      return outcome;
    });
  };
}
