# `subscribe` lets changes be pushed; without it they are noticed by polling.
path "secret/data/shop/*" {
  capabilities = ["read", "subscribe"]
}
