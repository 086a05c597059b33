import Foundation

/// Sends HTTP requests. Implement this to use your own HTTP stack, with its proxies and pinned certificates.
public protocol HTTPTransport: Sendable {
    /// Sends `post` unchanged, follows no redirect, and returns the server's response, whatever its status. Cancelling
    /// the task aborts the HTTP request.
    ///
    /// - Throws: ``TransportError`` when no response arrived, and `CancellationError`
    func post(_ post: HTTPPost) async throws -> HttpResponse
}

/// An HTTP POST to send.
public struct HTTPPost: Equatable, Sendable {
    /// Target URL.
    public let url: String
    /// Headers to send.
    public let headers: [HttpHeader]
    /// The exact bytes of the body.
    public let body: Data
    /// How much longer than usual the server may hold the HTTP request.
    public let patience: Duration

    public init(url: String, headers: [HttpHeader], body: Data, patience: Duration = .zero) {
        self.url = url
        self.headers = headers
        self.body = body
        self.patience = patience
    }
}

/// Thrown when no response arrived.
public enum TransportError: Error, Equatable, Sendable {
    /// Certainly nothing reached the server: no network, no address, no connection.
    case notSent(reason: String)
    /// Something may have reached the server.
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
