internal import CPlatform
internal import Glibc

/// A variable is set to something that is no UTF-8 text.
public struct NotText: Error, Equatable, Sendable {
    /// The variable's name.
    public let variable: String
}

/// The C library that is linked into this program, or loaded by it.
public enum CLibrary {
    /// Its version, as it says itself.
    public static var version: String { unsafe String(cString: platform_c_library_version()) }
}

/// The variables that this process was started with.
public enum Environment {
    /// The value of a variable; nil if it is unset.
    ///
    /// - Throws: ``NotText``, since a value that cannot be read is not one that is not there.
    public static func value(_ name: String) throws(NotText) -> String? {
        guard let value = unsafe getenv(name) else { return nil }
        guard let text = unsafe String(validatingCString: value) else { throw NotText(variable: name) }
        return text
    }

    /// Lends the bytes of a variable's value, for those that hold a secret or need not be text; nil if it is unset.
    public static func withValue<R, E>(_ name: String, _ body: (Span<UInt8>) throws(E) -> R) throws(E) -> R? {
        guard let value = unsafe getenv(name) else { return nil }
        return try unsafe borrowing(value, body)
    }

    /// How many variables there are.
    public static var count: Int {
        guard let variables = unsafe platform_environment() else { return 0 }
        var count = 0
        while unsafe variables[count] != nil { count += 1 }
        return count
    }

    /// Lends the variable at `index` as the bytes of `NAME=value`.
    public static func withEntry<R, E>(at index: Int, _ body: (Span<UInt8>) throws(E) -> R) throws(E) -> R {
        guard let variables = unsafe platform_environment(), let entry = unsafe variables[index] else {
            preconditionFailure("an index below count")
        }
        return try unsafe borrowing(entry, body)
    }

    private static func borrowing<R, E>(
        _ string: UnsafeMutablePointer<CChar>, _ body: (Span<UInt8>) throws(E) -> R
    ) throws(E) -> R {
        let bytes = unsafe UnsafeRawBufferPointer(start: string, count: strlen(string))
        return try unsafe bytes.withMemoryRebound(to: UInt8.self) { bytes throws(E) in
            try unsafe body(Span(_unsafeElements: bytes))
        }
    }
}
