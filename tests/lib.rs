//! The tests are in `e2e/`; this empty library only gives the package a target that other commands accept.
