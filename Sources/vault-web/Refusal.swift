internal import Platform
internal import UserMessages

/// The reason that a request is refused, with its status code: web-interface.md, section 4.
struct Refusal: Error {
    let status: Int
    let message: String
    /// The methods that the path allows, if the method was wrong.
    var allowed: String?

    init(_ status: Int, _ message: String, allowed: String? = nil) {
        self.status = status
        self.message = Output.visible(message)
        self.allowed = allowed
    }

    /// A failure of the vault or the agent.
    init(_ failure: Failure) {
        let status =
            switch failure.code {
            case .usage, .notExpressible: 400
            case .locked: 423
            case .noSuchSecret: 404
            case .busy: 503
            default: 500
            }
        self.init(status, failure.message)
    }

    static let outOfMemory = Refusal(Failure.outOfMemory)
}
