//! `check`: the books are counted again.

use super::super::super::Server;
use super::super::Result;
use super::Answer;
use crate::quota::Accounts;
use crate::wire::XsError;

impl Server {
    /// Counts every node again and compares with the accounts: EIO where they differ.
    pub(super) fn check_counts(&self) -> Result<Answer> {
        let mut counted = Accounts::default();
        for (node, path_len) in self.tree.all() {
            counted.change(node.perms().owner(), |account| {
                account.nodes += 1;
                account.memory += (node.size() + path_len) as u64;
            });
        }
        let same = counted.iter().eq(self.tree.accounts().iter());
        if same { Ok(Answer::Ok) } else { Err(XsError::Io) }
    }
}
