internal import HTTPServer
internal import Platform
internal import Sodium
internal import UserMessages

/// Who is answered: web-interface.md, section 1.
struct AccessControl: ~Copyable {
    /// What a key opens.
    enum Permission {
        /// The exchange of the one-time token alone.
        case exchange
        /// The routes of the original.
        case original
        /// All of them.
        case page
    }

    /// The port that is listened on, once it is known.
    var port: UInt16 = 0
    private var oneTime: Token?
    private let page: Token
    private let api: Token?

    init(api: consuming Token?) throws(Failure) {
        let page = try Token.random()
        oneTime = try Token.random()
        self.page = page
        self.api = api
    }

    /// The address with the one-time token, for a person.
    var address: String {
        let text = "http://127.0.0.1:\(port)/#"
        return oneTime?.withBytes { word in
            text + String(decoding: word.indices.map { word[$0] }, as: UTF8.self)
        } ?? text
    }

    /// Whether the program at that port of the client's side belongs to the same user.
    func admits(clientPort: UInt16, of address: LoopbackPeer.Address) -> Bool {
        (try? LoopbackPeer.userID(of: address, from: clientPort, to: port)) == CurrentProcess.userID
    }

    /// Makes sure that a request was meant for here; a rebound name in a browser was not.
    func checkHost(_ request: Request) throws(Refusal) {
        guard let host = request.value(of: "host"), isOurs(host) else {
            throw Refusal(403, "wrong Host: this is http://127.0.0.1:\(port)")
        }
    }

    /// Makes sure that no page of another origin sent a request.
    func checkOrigin(_ request: Request) throws(Refusal) {
        if request.count(of: "origin") > 0 {
            guard let origin = request.value(of: "origin"), origin.hasPrefix("http://"),
                isOurs(String(origin.dropFirst(7))), origin.dropFirst(7) == request.value(of: "host") ?? ""
            else { throw Refusal(403, "wrong Origin: only the page itself is answered") }
        }
        if request.count(of: "sec-fetch-site") > 0 {
            guard let site = request.value(of: "sec-fetch-site"), site == "same-origin" || site == "none"
            else {
                throw Refusal(403, "a page of another origin is not answered")
            }
        }
    }

    private func isOurs(_ host: String) -> Bool { ["127.0.0.1:\(port)", "localhost:\(port)"].contains(host) }

    /// What the key of a request opens.
    func reach(of request: Request) throws(Refusal) -> Permission {
        let reach = request.withValue(of: "x-api-key") { key -> Permission? in
            // All are compared, so that the time does not tell which one was nearly right.
            let isPage = page.matches(key)
            let isOneTime = oneTime?.matches(key) ?? false
            let isAPI = api?.matches(key) ?? false
            return isPage ? .page : isOneTime ? .exchange : isAPI ? .original : nil
        }
        guard let reach, let reach else {
            throw Refusal(401, "no valid key: open the address that 'vault web' printed, or send X-API-Key")
        }
        return reach
    }

    /// Uses up the one-time token, and lends the key of the page for it.
    mutating func exchange<R: ~Copyable, E>(_ body: (Span<UInt8>) throws(E) -> R) throws(E) -> R {
        oneTime = nil
        return try page.withBytes(body)
    }
}
