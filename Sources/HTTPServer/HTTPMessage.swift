internal import CMicroHTTPD
public import Sodium

/// A request, as far as its head goes.
///
/// What it says of itself is true only while ``HTTPService`` is asked about it.
@safe public final class Request {
    /// The method, such as `GET`.
    public internal(set) var method = ""
    /// The bytes between the method and the version, nothing decoded: a path and a query.
    public let target: [UInt8]

    var connection: OpaquePointer?
    var body: SecretBuffer?
    var bodySize = 0
    var refusal: Response?
    var hasBegun = false

    init(target: [UInt8], connection: OpaquePointer?) {
        self.target = target
        unsafe self.connection = unsafe connection
    }

    /// How often a field of that name stands in the head, in whatever case.
    public func count(of field: String) -> Int {
        var count = 0
        forEach(field) { _ in count += 1 }
        return count
    }

    /// Lends the value of a field that stands there exactly once; nil if it does not.
    public func withValue<R>(of field: String, _ body: (Span<UInt8>) -> R) -> R? {
        guard count(of: field) == 1 else { return nil }
        var result: R?
        forEach(field) { result = body($0) }
        return result
    }

    /// The text of a field that stands there exactly once; nil if it does not.
    public func value(of field: String) -> String? {
        withValue(of: field) { value in
            String(decoding: value.indices.map { value[$0] }, as: UTF8.self)
        }
    }

    private func forEach(_ field: String, _ body: (Span<UInt8>) -> Void) {
        guard let connection = unsafe connection else { return }
        let found = FieldList(wanted: field.lowercased())
        withExtendedLifetime(found) {
            _ = unsafe MHD_get_connection_values_n(
                connection, .HEADER_KIND,
                { context, _, key, keyCount, value, valueSize in
                    guard let context = unsafe context else { return .NO }
                    let found = unsafe Unmanaged<FieldList>.fromOpaque(context).takeUnretainedValue()
                    unsafe found.take(key, keyCount, value, valueSize)
                    return .YES
                }, Unmanaged.passUnretained(found).toOpaque())
        }
        unsafe found.values.forEach { unsafe body(Span(_unsafeBytes: $0)) }
    }
}

/// Where the values of one field lie in the library's buffer; one of them may be a key, so none is copied.
@safe private final class FieldList {
    let wanted: String
    var values: [UnsafeRawBufferPointer] = unsafe []

    init(wanted: String) { self.wanted = wanted }

    func take(
        _ key: UnsafePointer<CChar>?, _ keyCount: Int, _ value: UnsafePointer<CChar>?, _ valueSize: Int
    ) {
        let name = unsafe String(decoding: UnsafeRawBufferPointer(start: key, count: keyCount), as: UTF8.self)
        guard name.lowercased() == wanted else { return }
        unsafe values.append(UnsafeRawBufferPointer(start: value, count: valueSize))
    }
}

/// An answer to a request.
public struct Response {
    /// The status code, such as 200.
    public let status: Int
    /// Fields for its head, beside those of the library: Date, Content-Length, Connection.
    public var fields: [(name: String, value: String)]
    let body: ResponseBody?

    /// An answer.
    ///
    /// - Parameter body: what follows the head; it is wiped when it was sent.
    public init(
        _ status: Int, _ fields: [(name: String, value: String)] = [], body: consuming SecretBuffer? = nil
    ) {
        self.status = status
        self.fields = fields
        if let body = consume body { self.body = ResponseBody(body) } else { self.body = nil }
    }
}

/// What is being sent, for as long as the library needs it.
final class ResponseBody: Sendable {
    let bytes: SecretBuffer

    init(_ bytes: consuming SecretBuffer) { self.bytes = bytes }
}
