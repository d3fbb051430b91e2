//! A delivery's body: no panic, and a tree whose parts fit together.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rossum_annex::rossum::Payload;

fuzz_target!(|body: &[u8]| {
    let Ok(payload) = Payload::read(body) else { return };
    let Some(tree) = &payload.annotation else { return };
    for name in ["amount_total", "item_amount_total", "line_items", "a", ""] {
        let mut before = None;
        for node in tree.all(name) {
            assert!(before < Some(node), "in document order");
            before = Some(node);
            let _ = (tree.node(node).decimal(), tree.node(node).date(), tree.row(node));
            assert!(tree.children(node).all(|child| tree.parent(child) == Some(node)));
        }
    }
});
