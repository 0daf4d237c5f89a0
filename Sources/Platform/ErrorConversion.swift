/// Calls `body` and throws its error as the error of a higher module.
///
/// Typed throws name one error type for each function. Each module converts the errors of lower modules by a
/// function that calls this one.
///
/// - Parameter convert: returns the higher module's error.
@inlinable
public func converting<R: ~Copyable, Lower: Error, Higher: Error>(
    _ body: () throws(Lower) -> R, _ convert: (Lower) -> Higher
) throws(Higher) -> R {
    do throws(Lower) {
        return try body()
    } catch {
        throw convert(error)
    }
}
