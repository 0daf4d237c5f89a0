internal import HTTPServer
internal import Platform
internal import Sodium
internal import UserMessages

/// Decides which requests are answered: web-interface.md, section 1.
struct AccessControl: ~Copyable {
    /// The routes that a key permits.
    enum Permission {
        /// Only the exchange of the one-time token.
        case exchange
        /// The routes of the original service.
        case original
        /// All routes.
        case page
    }

    /// The port that the server listens on, once it is known.
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

    /// The address of the page, with the one-time token.
    var address: String {
        let text = "http://127.0.0.1:\(port)/#"
        return oneTime?.withBytes { word in
            text + String(decoding: word.indices.map { word[$0] }, as: UTF8.self)
        } ?? text
    }

    /// Returns whether the client's end of a connection belongs to the same user.
    func admits(clientPort: UInt16, of address: LoopbackPeer.Address) -> Bool {
        (try? LoopbackPeer.userID(of: address, from: clientPort, to: port)) == CurrentProcess.userID
    }

    /// Throws if the Host field names another server, as after DNS rebinding in a browser.
    func checkHost(_ request: Request) throws(Refusal) {
        let hosts = ["127.0.0.1:\(port)", "localhost:\(port)"]
        guard let host = request.value(of: "host"), hosts.contains(host) else {
            throw Refusal(403, "wrong Host: this is http://127.0.0.1:\(port)")
        }
    }

    /// Throws if a page of another origin sent the request, whose Host field is already checked.
    func checkOrigin(_ request: Request) throws(Refusal) {
        let ours = "http://\(request.value(of: "host") ?? "")"
        if request.count(of: "origin") > 0, request.value(of: "origin") != ours {
            throw Refusal(403, "wrong Origin: only the page itself is answered")
        }
        let site = request.value(of: "sec-fetch-site") ?? ""
        if request.count(of: "sec-fetch-site") > 0, site != "same-origin", site != "none" {
            throw Refusal(403, "a page of another origin is not answered")
        }
    }

    /// Returns the permission that the key of a request gives.
    func permission(of request: Request) throws(Refusal) -> Permission {
        let permission = request.withValue(of: "x-api-key") { key -> Permission? in
            // All keys are compared, so that the time does not depend on the one that matches.
            let isPage = page.matches(key)
            let isOneTime = oneTime?.matches(key) ?? false
            let isAPI = api?.matches(key) ?? false
            return isPage ? .page : isOneTime ? .exchange : isAPI ? .original : nil
        }
        guard let permission, let permission else {
            throw Refusal(401, "no valid key: open the address that 'vault web' printed, or send X-API-Key")
        }
        return permission
    }

    /// Invalidates the one-time token, and calls `body` with the page's key.
    mutating func exchange<R: ~Copyable, E>(_ body: (Span<UInt8>) throws(E) -> R) throws(E) -> R {
        oneTime = nil
        return try page.withBytes(body)
    }
}
