//! The product, tested through its binary.
