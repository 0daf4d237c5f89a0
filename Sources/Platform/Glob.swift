internal import Glibc

/// Patterns with `*`, `?` and `[…]`, as in the shell.
public enum Glob {
    /// Returns true if the whole of `text` matches `pattern`.
    public static func matches(_ text: String, _ pattern: String) -> Bool {
        unsafe fnmatch(pattern, text, 0) == 0
    }
}
