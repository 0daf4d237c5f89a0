internal import CPlatform
internal import Glibc

/// The error for an environment variable whose value is not UTF-8 text.
public struct NotText: Error, Equatable, Sendable {
    /// The variable's name.
    public let variable: String
}

/// The C library that this program is linked with.
public enum CLibrary {
    /// The version at run time.
    public static var version: String { unsafe String(cString: platform_c_library_version()) }
}

/// The environment variables that this process was started with.
public enum Environment {
    /// Returns the value of a variable, or nil if it is unset.
    ///
    /// - Throws: ``NotText`` if the value is not UTF-8 text.
    public static func value(_ name: String) throws(NotText) -> String? {
        guard let value = unsafe getenv(name) else { return nil }
        guard let text = unsafe String(validatingCString: value) else { throw NotText(variable: name) }
        return text
    }

    /// Calls `body` with the value of a variable that holds a secret or need not be text, or returns nil if
    /// it is unset.
    public static func withValue<R, E>(_ name: String, _ body: (Span<UInt8>) throws(E) -> R) throws(E) -> R? {
        guard let value = unsafe getenv(name) else { return nil }
        return try unsafe withBytes(of: value, body)
    }

    /// The number of variables.
    public static var count: Int {
        guard let variables = unsafe platform_environment() else { return 0 }
        var count = 0
        while unsafe variables[count] != nil { count += 1 }
        return count
    }

    /// Calls `body` with the bytes `NAME=value` of the variable at `index`.
    public static func withEntry<R, E>(at index: Int, _ body: (Span<UInt8>) throws(E) -> R) throws(E) -> R {
        guard let variables = unsafe platform_environment(), let entry = unsafe variables[index] else {
            preconditionFailure("index beyond the environment")
        }
        return try unsafe withBytes(of: entry, body)
    }

    private static func withBytes<R, E>(
        of string: UnsafeMutablePointer<CChar>, _ body: (Span<UInt8>) throws(E) -> R
    ) throws(E) -> R {
        try unsafe body(Span(_unsafeBytes: UnsafeRawBufferPointer(start: string, count: strlen(string))))
    }
}
