//! The internal messages' protobuf code, and their conversion into domain types.
