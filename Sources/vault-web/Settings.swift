internal import Platform
internal import Sodium
internal import UserMessages

/// The arguments that `vault web` passes to this program.
struct Settings {
    /// The vault file.
    let path: String
    /// The port to listen on; 0 lets the system choose.
    let port: UInt16
    /// The time without use after which the server ends, in milliseconds.
    let idle: UInt64
    /// True if the server is to open a browser.
    let opens: Bool
    /// The file with the API key; nil if there is none.
    let keyFile: String?

    /// Parses `FILE PORT IDLE open|print [API-KEY-FILE]`.
    init(_ words: [String]) throws(Failure) {
        guard (4...5).contains(words.count), let port = UInt16(words[1]), let idle = UInt64(words[2]),
            ["open", "print"].contains(words[3])
        else {
            throw Failure(.usage, "vault-web is a part of vault", hint: "start it with 'vault web'")
        }
        path = words[0]
        self.port = port
        self.idle = idle
        opens = words[3] == "open"
        keyFile = words.count > 4 ? words[4] : nil
    }

    /// The maximum size of an API key in bytes.
    private static let maxKey = 1024

    /// Reads the API key; nil if no file is given.
    ///
    /// - Throws: if others can read the file, or its content cannot be a header field's value.
    func token() throws(Failure) -> Token? {
        guard let keyFile else { return nil }
        let what = "the API key file \(keyFile)"
        var key = try allocating(SecretBuffer(capacity: Settings.maxKey + 3))
        try key.fill(fromPrivate: keyFile, what)
        key.removeFinalNewline()
        let isUsable = key.withBytes { key in
            !key.isEmpty && key.count <= Settings.maxKey
                && key.indices.allSatisfy { (0x21...0x7E).contains(key[$0]) }
        }
        guard isUsable else {
            throw Failure(.usage, "\(what) must hold one word of 1 to 1,024 printable ASCII characters")
        }
        if key.count < 16 { Output.warn("the API key has fewer than 16 characters; others could guess it") }
        do throws(SodiumError) {
            return Token(try key.finish())
        } catch {
            throw Failure(error)
        }
    }
}
