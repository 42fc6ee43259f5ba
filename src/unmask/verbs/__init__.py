"""One function for each verb: a typed section in, a result out; no Hydra, no printing."""
