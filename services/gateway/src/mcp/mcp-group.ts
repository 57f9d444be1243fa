import type { RunDeps } from '../runs/runs-group.ts';

/** For the route that speaks MCP. */
export interface McpGroup {
  readonly mcp: {
    /** Pages of these origins may call; `*` is any page. */
    readonly origins: readonly string[];
    /** The names that the gateway serves; undefined: any. */
    readonly hosts: readonly string[] | undefined;
  };
}

/** Tools run actions as HTTP does. */
export type McpDeps = McpGroup & RunDeps;
