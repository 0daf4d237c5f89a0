internal import Platform
internal import UserMessages

/// Why a request is not done, with the status code that says so: web-interface.md, section 4.
struct Refusal: Error {
    let status: Int
    let message: String
    /// The methods that the path knows, where it is the method that is wrong.
    var allowed: String?

    init(_ status: Int, _ message: String, allowed: String? = nil) {
        self.status = status
        self.message = Output.visible(message)
        self.allowed = allowed
    }

    /// What the vault or the agent says.
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
