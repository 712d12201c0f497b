//! Endpoints seen before: their ids, which cost a hash of cryptography each, and a note on each for whoever keeps them.

use std::hash::BuildHasher;

use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;

use crate::endpoint::{EndpointId, EndpointName};
use crate::name::FieldError;
use crate::raw::RawEndpoint;

/// Endpoints that are remembered between batches.
const KNOWN_ENDPOINTS_MAX: usize = 100_000;

#[derive(Debug)]
struct Known<T> {
    name: EndpointName,
    id: EndpointId,
    note: T,
}

/// Endpoints by their names; each has a slot, which it keeps until all are forgotten.
#[derive(Debug)]
pub(crate) struct KnownEndpoints<T> {
    slots: Vec<Known<T>>,
    index: HashTable<usize>,
}

impl<T> Default for KnownEndpoints<T> {
    fn default() -> Self {
        Self { slots: Vec::new(), index: HashTable::new() }
    }
}

impl<T: Default> KnownEndpoints<T> {
    /// The slot of an endpoint whose texts nobody has checked yet: that is done when it is new.
    ///
    /// # Errors
    /// [`FieldError`] on the text that is not valid.
    pub(crate) fn check(&mut self, endpoint: RawEndpoint<'_>) -> Result<usize, FieldError> {
        let hash = hash_of(&endpoint);
        match self.find(hash, &endpoint) {
            Some(slot) => Ok(slot),
            None => Ok(self.insert(hash, endpoint.parse()?)),
        }
    }

    /// The slot of an endpoint whose texts were checked.
    pub(crate) fn trust(&mut self, name: &EndpointName) -> usize {
        let endpoint = RawEndpoint::of(name);
        let hash = hash_of(&endpoint);
        self.find(hash, &endpoint).unwrap_or_else(|| self.insert(hash, name.clone()))
    }

    pub(crate) fn id(&self, slot: usize) -> EndpointId {
        self.slots[slot].id
    }

    pub(crate) fn name(&self, slot: usize) -> &EndpointName {
        &self.slots[slot].name
    }

    pub(crate) fn note(&self, slot: usize) -> &T {
        &self.slots[slot].note
    }

    pub(crate) fn note_mut(&mut self, slot: usize) -> &mut T {
        &mut self.slots[slot].note
    }

    /// Makes all slots void if there are too many. To be called where nobody holds one.
    pub(crate) fn forget_if_too_many(&mut self) {
        if self.slots.len() > KNOWN_ENDPOINTS_MAX {
            *self = Self::default();
        }
    }

    fn find(&self, hash: u64, endpoint: &RawEndpoint<'_>) -> Option<usize> {
        self.index.find(hash, |slot| RawEndpoint::of(&self.slots[*slot].name) == *endpoint).copied()
    }

    fn insert(&mut self, hash: u64, name: EndpointName) -> usize {
        let slot = self.slots.len();
        self.slots.push(Known { id: name.id(), name, note: T::default() });
        let slots = &self.slots;
        self.index.insert_unique(hash, slot, |slot| hash_of(&RawEndpoint::of(&slots[*slot].name)));
        slot
    }
}

fn hash_of(endpoint: &RawEndpoint<'_>) -> u64 {
    FxBuildHasher.hash_one(endpoint)
}
