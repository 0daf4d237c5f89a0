internal import Platform
internal import Sodium
internal import UserMessages

/// What `vault web` was asked for: its words to this program.
struct Settings {
    /// The vault file.
    let path: String
    /// The port to listen on; 0 if the system shall choose.
    let port: UInt16
    /// How long nobody may use the page, in milliseconds.
    let idle: UInt64
    /// Whether a browser shall be opened.
    let opens: Bool
    /// The file with the API key; nil if there is none.
    let keyFile: String?

    /// FILE PORT IDLE open|print [API-KEY-FILE].
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

    /// How long an API key may be, in bytes.
    private static let maxKey = 1024

    /// The API key; nil if there shall be none.
    ///
    /// - Throws: ``Failure`` if others can read the file, or what it holds cannot stand in a request's head.
    func token() throws(Failure) -> Token? {
        guard let keyFile else { return nil }
        let what = "the API key file \(keyFile)"
        var key = try inWords { () throws(SodiumError) in try SecretBuffer(capacity: Settings.maxKey + 3) }
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
