import Foundation

/// Sends requests. An app puts its own HTTP stack here, with its proxies and pinned certificates.
public protocol HTTPTransport: Sendable {
    /// Sends `post` as it is, follows no redirect, and gives whatever the server answered, whatever its status. Cancelling
    /// the task gives the request up.
    ///
    /// - Throws: ``TransportError`` when no answer came, and `CancellationError`
    func post(_ post: HTTPPost) async throws -> HttpResponse
}

/// What is to be sent by POST.
public struct HTTPPost: Equatable, Sendable {
    /// Where it goes.
    public let url: String
    /// Headers to send.
    public let headers: [HttpHeader]
    /// The body, its bytes exactly as they are.
    public let body: Data
    /// How long the server may hold the request beyond the usual.
    public let patience: Duration

    public init(url: String, headers: [HttpHeader], body: Data, patience: Duration = .zero) {
        self.url = url
        self.headers = headers
        self.body = body
        self.patience = patience
    }
}

/// No answer came.
public enum TransportError: Error, Equatable, Sendable {
    /// Certainly nothing reached the server: no network, no address, no connection.
    case notSent(reason: String)
    /// Something may have reached it.
    case noAnswer(reason: String)
}

extension TransportError: LocalizedError {
    public var errorDescription: String? {
        switch self {
        case .notSent(let reason): "The request was not sent: \(reason)"
        case .noAnswer(let reason): "No answer came: \(reason)"
        }
    }
}
