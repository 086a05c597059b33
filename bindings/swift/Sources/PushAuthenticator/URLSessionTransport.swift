import Foundation
#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

/// The default transport, over `URLSession`. Follows no redirects, reads at most 64 KiB of a response, stores no
/// cookies or responses, and enforces a time limit.
public final class URLSessionTransport: HTTPTransport {
    private static let responseLimit = 64 * 1024
    private let session: URLSession
    private let answerTimeout: Duration

    /// - Parameter answerTimeout: time limit for the whole exchange, in addition to the time that the server may hold
    ///   it
    public init(answerTimeout: Duration = .seconds(25)) {
        let configuration = URLSessionConfiguration.ephemeral
        configuration.httpCookieStorage = nil
        configuration.httpShouldSetCookies = false
        configuration.urlCache = nil
        configuration.urlCredentialStorage = nil
        configuration.requestCachePolicy = .reloadIgnoringLocalCacheData
        self.answerTimeout = answerTimeout
        session = URLSession(configuration: configuration, delegate: Exchanges(limit: Self.responseLimit), delegateQueue: nil)
    }

    // The session retains its delegate, and itself, until it is invalidated.
    deinit { session.finishTasksAndInvalidate() }

    public func post(_ post: HTTPPost) async throws -> HttpResponse {
        guard let url = URL(string: post.url), let scheme = url.scheme?.lowercased(), ["http", "https"].contains(scheme),
            url.host?.isEmpty == false
        else { throw TransportError.notSent(reason: "no HTTP address") }
        var request = URLRequest(url: url)
        request.httpMethod = "POST"
        request.httpBody = post.body
        request.httpShouldHandleCookies = false
        post.headers.forEach { request.setValue($0.value, forHTTPHeaderField: $0.name) }
        let allowed = answerTimeout + post.patience
        request.timeoutInterval = TimeInterval(allowed.components.seconds) + 1
        return try await exchange(request, allowed: allowed)
    }

    private func exchange(_ request: URLRequest, allowed: Duration) async throws -> HttpResponse {
        let task = session.dataTask(with: request)
        // The session's own timeout restarts with every byte.
        let deadline = Task {
            try await Task.sleep(for: allowed)
            task.cancel()
        }
        defer { deadline.cancel() }
        do {
            return try await withTaskCancellationHandler {
                try await withCheckedThrowingContinuation { continuation in
                    (session.delegate as? Exchanges)?.begin(task, continuation)
                    task.resume()
                }
            } onCancel: {
                task.cancel()
            }
        } catch let error as URLError where error.code == .cancelled {
            try Task.checkCancellation()
            throw TransportError.noAnswer(reason: "The server's answer did not come in time.")
        } catch let error as URLError {
            throw Self.certainlyNotSent.contains(error.code)
                ? TransportError.notSent(reason: error.localizedDescription)
                : TransportError.noAnswer(reason: error.localizedDescription)
        }
    }

    private static let certainlyNotSent: Set<URLError.Code> = [
        .cannotFindHost, .cannotConnectToHost, .dnsLookupFailed, .notConnectedToInternet,
        .dataNotAllowed, .internationalRoamingOff, .callIsActive, .appTransportSecurityRequiresSecureConnection,
        .secureConnectionFailed, .serverCertificateHasBadDate, .serverCertificateUntrusted,
        .serverCertificateHasUnknownRoot, .serverCertificateNotYetValid, .clientCertificateRejected,
        .clientCertificateRequired,
    ]
}

/// The running exchanges of a session.
private final class Exchanges: NSObject, URLSessionDataDelegate, Sendable {
    private struct Exchange {
        let continuation: CheckedContinuation<HttpResponse, any Error>
        var response: HTTPURLResponse?
        var body = Data()
    }

    private let limit: Int
    private let running = Locked<[Int: Exchange]>([:])

    init(limit: Int) { self.limit = limit }

    func begin(_ task: URLSessionTask, _ continuation: CheckedContinuation<HttpResponse, any Error>) {
        running.withLock { $0[task.taskIdentifier] = Exchange(continuation: continuation) }
    }

    private func end(_ task: URLSessionTask, _ error: (any Error)?) {
        guard let exchange = running.withLock({ $0.removeValue(forKey: task.taskIdentifier) }) else { return }
        if let error {
            exchange.continuation.resume(throwing: error)
        } else if let response = exchange.response, let status = UInt16(exactly: response.statusCode) {
            let date = response.value(forHTTPHeaderField: "Date")
            exchange.continuation.resume(returning: HttpResponse(status: status, date: date, body: exchange.body))
        } else {
            exchange.continuation.resume(throwing: TransportError.noAnswer(reason: "The server's answer is not HTTP."))
        }
    }

    func urlSession(
        _: URLSession, task _: URLSessionTask, willPerformHTTPRedirection _: HTTPURLResponse, newRequest _: URLRequest,
        completionHandler: @escaping @Sendable (URLRequest?) -> Void
    ) {
        completionHandler(nil)
    }

    func urlSession(
        _: URLSession, task: URLSessionTask, didReceive challenge: URLAuthenticationChallenge,
        completionHandler: @escaping @Sendable (URLSession.AuthChallengeDisposition, URLCredential?) -> Void
    ) {
        guard let response = challenge.failureResponse as? HTTPURLResponse else {
            return completionHandler(.performDefaultHandling, nil)
        }
        // The server demands a password, which nobody has; that response is the result.
        running.withLock { $0[task.taskIdentifier]?.response = response }
        end(task, nil)
        completionHandler(.cancelAuthenticationChallenge, nil)
    }

    func urlSession(
        _: URLSession, dataTask: URLSessionDataTask, didReceive response: URLResponse,
        completionHandler: @escaping @Sendable (URLSession.ResponseDisposition) -> Void
    ) {
        running.withLock { $0[dataTask.taskIdentifier]?.response = response as? HTTPURLResponse }
        completionHandler(.allow)
    }

    func urlSession(_: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
        let isFull = running.withLock { running in
            guard var exchange = running.removeValue(forKey: dataTask.taskIdentifier) else { return false }
            // Reads one byte beyond the limit, so that the core notices an oversized body.
            exchange.body.append(data.prefix(limit + 1 - exchange.body.count))
            running[dataTask.taskIdentifier] = exchange
            return exchange.body.count > limit
        }
        if isFull {
            end(dataTask, nil)
            dataTask.cancel()
        }
    }

    func urlSession(_: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?) { end(task, error) }
}
