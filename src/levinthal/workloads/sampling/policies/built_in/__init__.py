"""The policies that `policies=` names, one module each; `POLICY` is its class, which has `Settings`."""
