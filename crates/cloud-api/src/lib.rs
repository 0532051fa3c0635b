//! Meta's webhook JSON: signature, handshake, decoding, splitting.
