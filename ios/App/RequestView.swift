import AuthenticatorModels
import PushAuthenticator
import SwiftUI

/// A sign-on request: who asks, from where, and the user's answer; then its result.
struct RequestView: View {
    let model: RequestModel
    let covers: CoverModel

    var body: some View {
        NavigationStack {
            Group {
                if case .settled(let result) = model.state {
                    VStack {
                        ResultView(result: result, reason: model.reason)
                        if model.canDeny {
                            NoteView(note: model.note)
                            DenyButton(model: model, covers: covers)
                        }
                    }
                } else {
                    QuestionView(model: model, covers: covers)
                }
            }
            .navigationTitle(LocalizedStringKey(.requestTitle))
            .toolbar { Button(.done) { covers.close(.request) }.disabled(model.state == .answering) }
        }
        .interactiveDismissDisabled(model.state == .answering)
        // Also when the same request arrives with more details.
        .task(id: ObjectIdentifier(model)) {
            await model.prepare()
            await model.follow()
        }
    }
}

private struct QuestionView: View {
    let model: RequestModel
    let covers: CoverModel

    var body: some View {
        ScrollView {
            VStack(spacing: 20) {
                VStack {
                    Text(verbatim: model.request.issuer).font(.title)
                    Text(verbatim: model.request.account).font(.title3)
                    Text(verbatim: model.request.host).font(.footnote.monospaced()).foregroundStyle(.secondary)
                }
                .accessibilityElement(children: .combine)
                if model.request.concealed { Text(.requestConcealed) }
                if let message = model.request.message { Text(verbatim: message) }
                if let context = model.request.context { ContextView(context: context) }
                answers
                if !model.canApprove && !model.request.concealed { Text(.requestCannotApprove) }
                NoteView(note: model.note)
                DenyButton(model: model, covers: covers)
                HStack {
                    Text(.requestEnds)
                    // Stops at zero and does not count up again.
                    Text(timerInterval: min(received, end)...end, countsDown: true)
                }
                .font(.footnote)
                .foregroundStyle(.secondary)
            }
            .padding()
            .frame(maxWidth: .infinity)
        }
        .disabled(model.state == .answering)
        .overlay { if model.state == .answering { ProgressView() } }
    }

    private var received: Date { Date(timeIntervalSince1970: Double(model.request.receivedAt) / 1000) }
    private var end: Date { Date(timeIntervalSince1970: Double(model.request.expiresAt) / 1000) }

    @ViewBuilder private var answers: some View {
        if model.canApprove {
            switch model.request.ask {
            case .tap:
                Button(.requestAccept) { Task { await model.accept() } }.buttonStyle(.borderedProminent).controlSize(.large)
            case .number:
                Text(.requestNumbers)
                // Side by side, or stacked when the text is large.
                ViewThatFits {
                    HStack(spacing: 16) { numbers }
                    VStack(spacing: 16) { numbers }
                }
            case .biometric:
                Button { Task { await model.acceptWithBiometric() } } label: {
                    Label(LocalizedStringKey(.requestBiometric), systemImage: "faceid")
                }
                .buttonStyle(.borderedProminent)
                .controlSize(.large)
            }
        }
    }

    private var numbers: some View {
        ForEach(model.numbers, id: \.self) { number in
            Button { Task { await model.choose(number) } } label: {
                Text(verbatim: number).font(.largeTitle.monospacedDigit()).frame(minWidth: 64, minHeight: 64)
            }
            .buttonStyle(.bordered)
            .accessibilityLabel(Text(.requestNumber) + Text(verbatim: " \(number)"))
        }
    }
}

/// Why an answer did not go through.
private struct NoteView: View {
    let note: RequestModel.Note?

    var body: some View {
        switch note {
        case .refused(let failure): FailureText(failure: failure)
        case .biometricUnavailable: Text(.biometricUnavailable).foregroundStyle(.red)
        case nil: EmptyView()
        }
    }
}

/// Denies, and asks for the reason if the server accepts one.
private struct DenyButton: View {
    let model: RequestModel
    let covers: CoverModel

    var body: some View {
        Button(.requestDeny, role: .destructive) {
            if model.takesReason { covers.askReason() } else { Task { await model.deny() } }
        }
            .frame(minHeight: 44)
            .confirmationDialog(Text(.denyWhy), isPresented: isAskedWhy, titleVisibility: .visible) {
                Button(.denyNotMe, role: .destructive) { decide(.notMe) }
                Button(.denyMistake) { decide(.mistake) }
                Button(.denyOther) { decide(.other) }
            } message: {
                Text(.denyNotMeHint)
            }
    }

    private var isAskedWhy: Binding<Bool> {
        Binding { covers.isReasonAsked } set: { if !$0 { covers.closeReason() } }
    }

    private func decide(_ reason: DenyReason) { Task { await covers.deny(reason) } }
}

private struct ContextView: View {
    let context: PushAuthenticator.Context

    var body: some View {
        VStack(alignment: .leading) {
            Text(.requestFrom).font(.headline)
            ForEach([context.browser, context.remoteIp, place].compactMap { $0 }, id: \.self) {
                Text(verbatim: $0).font(.footnote)
            }
        }
        .frame(maxWidth: .infinity, alignment: .leading)
        .accessibilityElement(children: .combine)
    }

    private var place: String? {
        context.location.map { location in
            let degrees = FloatingPointFormatStyle<Double>.number.precision(.fractionLength(2))
            return "\(location.latitude.formatted(degrees))°, \(location.longitude.formatted(degrees))°"
        }
    }
}

private struct ResultView: View {
    let result: RequestModel.Result
    let reason: DenyReason?

    var body: some View {
        switch result {
        case .approved: shown(.resultApproved, "checkmark.circle")
        case .denied: shown(.resultDenied, "hand.raised", reason == .notMe ? Text(.resultNotMe) : nil)
        case .refused(let message): shown(.resultRefused, "xmark.circle", message.map { Text(verbatim: $0) })
        case .outcomeUnknown: shown(.resultUnknown, "questionmark.circle")
        case .queued: shown(.resultQueued, "clock")
        case .expired: shown(.resultExpired, "hourglass")
        case .withdrawn: shown(.resultWithdrawn, "xmark.circle")
        case .biometricChanged: shown(.resultBiometricChanged, "faceid")
        case .keyGone: shown(.resultKeyGone, "key.slash", Text(.resultKeyGoneHint))
        case .failed(let failure): FailureText(failure: failure).padding()
        }
    }

    private func shown(_ word: Words, _ image: String, _ detail: Text? = nil) -> some View {
        ContentUnavailableView(LocalizedStringKey(word), systemImage: image, description: detail)
    }
}
