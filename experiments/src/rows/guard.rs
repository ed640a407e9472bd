//! A library that panics on corrupt files, kept from ending the program.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    static IS_GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// What `f` returns, or the message of its panic, which is not printed. What `f` holds is dropped then.
pub(crate) fn guarded<T>(f: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = take_hook();
        set_hook(Box::new(move |panic| {
            if !IS_GUARDED.get() {
                usual(panic);
            }
        }));
    });
    IS_GUARDED.set(true);
    // Nothing that a panic may have left half done is looked at again.
    let result = catch_unwind(AssertUnwindSafe(f));
    IS_GUARDED.set(false);
    result.map_err(|panic| match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(message), _) => (*message).to_owned(),
        (_, Some(message)) => message.clone(),
        _ => "unknown".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_its_message_and_anything_else_is_returned() {
        assert_eq!(guarded(|| 3), Ok(3));
        let number = std::hint::black_box(7);
        assert_eq!(guarded(|| assert!(number < 5, "{number} is too much")), Err("7 is too much".to_owned()));
        assert_eq!(guarded(|| 4), Ok(4));
    }
}
