/** How an API server is reached, and who asks. */
export interface ClusterAccess {
  /** What people call it: the context of a kubeconfig. */
  readonly name: string;
  /** `https://…`, without a closing slash. */
  readonly server: string;
  /** PEM; undefined: the authorities of Node. */
  readonly ca: string | undefined;
  /** The name that its certificate is checked for, where that is not the host's. */
  readonly serverName: string | undefined;
  /** Asked before each request: tokens in files are renewed, plug-ins answer anew once theirs has ended. */
  readonly credential: () => Promise<Credential>;
  /** Of whom it asks instead of itself. */
  readonly impersonate: Readonly<Record<string, string>>;
}

/** Neither: nobody. */
export interface Credential {
  readonly token?: string;
  /** PEM. */
  readonly certificate?: { readonly cert: string; readonly key: string };
}
