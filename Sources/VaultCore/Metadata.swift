/// What a secret is for, beside its value: texts that its owner wrote, none of them secret.
public struct Metadata: Equatable, Sendable {
    /// A sentence for people.
    public var description: String?
    /// The account that the value is the password or the token of.
    public var username: String?
    /// The hosts that accept the value, as patterns such as `*.example.com` or `localhost:5432`; each once.
    public var hosts: [String] = []
    /// Words to find it by; each once.
    public var tags: [String] = []
    /// The time from which others refuse the value, in milliseconds since 1970.
    public var expires: UInt64?
    /// How long one value is meant to be used, in milliseconds.
    public var rotateEvery: UInt64?
    /// Further texts by name, sorted bytewise by name.
    public var fields: [Field] = []
    /// Members that a newer version wrote, as JSON texts, which an edit keeps.
    var others: [Field] = []

    /// A text with a name.
    public struct Field: Equatable, Sendable {
        /// The name.
        public let name: String
        /// The text.
        public let text: String

        /// Creates a field.
        public init(name: String, text: String) { (self.name, self.text) = (name, text) }
    }

    /// The same as ``expires``, as a duration since 1970.
    public var expiresSince1970: Duration? {
        get { expires.map { .milliseconds(Int64(clamping: $0)) } }
        set { expires = newValue.map(Metadata.milliseconds) }
    }

    /// The same as ``rotateEvery``, as a duration.
    public var rotationPeriod: Duration? {
        get { rotateEvery.map { .milliseconds(Int64(clamping: $0)) } }
        set { rotateEvery = newValue.map(Metadata.milliseconds) }
    }

    /// Returns the milliseconds of a duration; 0 if it is negative, and at most what the format can hold.
    private static func milliseconds(_ duration: Duration) -> UInt64 {
        let milliseconds = (duration / .milliseconds(1)).rounded()
        return UInt64(min(max(milliseconds, 0), Double((1 << 53) - 1)))
    }

    /// Creates metadata that say nothing.
    public init() {}

    /// True if they say nothing.
    public var isEmpty: Bool { self == Metadata() }

    /// Returns true if the value is no longer accepted at a time, in milliseconds since 1970.
    public func isExpired(at time: UInt64) -> Bool { expires.map { $0 <= time } ?? false }

    /// The time from which a value that was set at `time` should be replaced, in milliseconds since 1970: when it expires, or has been
    /// used for as long as it was meant to be; nil if neither is known.
    ///
    /// - Parameter time: the age is that of the value, whatever happened to the metadata since.
    public func due(setAt time: UInt64) -> UInt64? {
        let rotation = rotateEvery.map { time.addingReportingOverflow($0) }.map {
            $0.overflow ? .max : $0.partialValue
        }
        return [expires, rotation].compactMap(\.self).min()
    }

    /// Sets the text of a field; nil removes it.
    public mutating func set(_ name: String, to text: String?) {
        fields.removeAll { $0.name == name }
        guard let text else { return }
        let place = fields.firstIndex { name.utf8.lexicographicallyPrecedes($0.name.utf8) }
        fields.insert(Field(name: name, text: text), at: place ?? fields.endIndex)
    }

    /// Returns true if `text` can be a description or the text of a field: at most 4,096 bytes, without NUL.
    public static func isValidText(_ text: String) -> Bool {
        text.utf8.count <= 4096 && !text.utf8.contains(0)
    }

    /// Returns true if `text` can be a user name: a line of 1 to 255 bytes without control characters, which the protocols of other
    /// programs would take for the end.
    public static func isValidUsername(_ text: String) -> Bool { isLine(text, 1...255) }

    /// Returns true if `text` can be a pattern of hosts: 1 to 255 bytes, neither space nor control character, no path.
    public static func isValidHost(_ text: String) -> Bool {
        isLine(text, 1...255) && !text.utf8.contains { Byte.isOneOf($0, " /\\@?#,") }
    }

    /// Returns true if `text` can be a tag, or the name of a field: the rule for ids.
    public static func isValidTag(_ text: String) -> Bool { SecretID.isValidID(text) }

    private static func isLine(_ text: String, _ sizes: ClosedRange<Int>) -> Bool {
        sizes.contains(text.utf8.count)
            && !text.unicodeScalars.contains { $0.properties.generalCategory == .control }
    }
}
