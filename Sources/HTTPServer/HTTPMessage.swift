internal import CMicroHTTPD
public import Sodium

/// The head of a request.
///
/// Its fields can be read only during a call to ``HTTPService``.
@safe public final class Request {
    /// The method, such as `GET`.
    public internal(set) var method = ""
    /// The bytes between the method and the version, not decoded: a path and a query.
    public let target: [UInt8]

    /// The library's connection; nil once the request is complete.
    var connection: OpaquePointer?
    var body: SecretBuffer?
    var bodySize = 0
    var refusal: Response?
    var hasBegun = false

    init(target: [UInt8], connection: OpaquePointer?) {
        self.target = target
        unsafe self.connection = unsafe connection
    }

    /// Returns the number of fields with this name, in any case.
    public func count(of field: String) -> Int { unsafe values(of: field).count }

    /// Calls `body` with the value of a field, or returns nil unless there is exactly one.
    public func withValue<R>(of field: String, _ body: (Span<UInt8>) -> R) -> R? {
        let values = unsafe values(of: field)
        return unsafe values.count == 1 ? body(Span(_unsafeBytes: values[0])) : nil
    }

    /// Returns the text of a field, or nil unless there is exactly one.
    public func value(of field: String) -> String? {
        withValue(of: field) { value in
            unsafe value.withUnsafeBufferPointer { unsafe String(decoding: $0, as: UTF8.self) }
        }
    }

    /// Returns the values in the library's buffer; they are not copied, since one may be a key.
    private func values(of field: String) -> [UnsafeRawBufferPointer] {
        guard let connection = unsafe connection else { return unsafe [] }
        var fields = unsafe FieldValues(name: field.lowercased())
        unsafe withUnsafeMutablePointer(to: &fields) { fields in
            _ = unsafe MHD_get_connection_values_n(
                connection, .HEADER_KIND,
                { context, _, key, keyCount, value, valueSize in
                    let key = unsafe UnsafeRawBufferPointer(start: key, count: keyCount)
                    let value = unsafe UnsafeRawBufferPointer(start: value, count: valueSize)
                    unsafe context?.assumingMemoryBound(to: FieldValues.self).pointee.add(key, value)
                    return .YES
                }, fields)
        }
        return unsafe fields.values
    }
}

@unsafe private struct FieldValues {
    let name: String
    var values: [UnsafeRawBufferPointer] = unsafe []

    mutating func add(_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) {
        if unsafe String(decoding: key, as: UTF8.self).lowercased() == name { unsafe values.append(value) }
    }
}

/// A response to a request.
public struct Response {
    /// The status code, such as 200.
    public let status: Int
    /// The fields of its head, except those that the library adds: Date, Content-Length, Connection.
    public var fields: [(name: String, value: String)]
    let body: ResponseBody?

    /// Creates a response.
    ///
    /// - Parameter body: the content, which is wiped after it was sent.
    public init(
        _ status: Int, _ fields: [(name: String, value: String)] = [], body: consuming SecretBuffer? = nil
    ) {
        self.status = status
        self.fields = fields
        if let body = consume body { self.body = ResponseBody(body) } else { self.body = nil }
    }
}

/// The content of a response, retained until the library has sent it.
final class ResponseBody: Sendable {
    let bytes: SecretBuffer

    init(_ bytes: consuming SecretBuffer) { self.bytes = bytes }
}
