/** The frame of all pages: one provider, the dialogs that may open anywhere, and who is signed in. */
import {
  getDefaultClient,
  type Notice,
  SessionExpiredModal,
  SessionExpiryWarning,
  SessionProvider,
  SessionStatus,
  useSession,
} from "@sojourn/web/react";
import { MutationCache, QueryClient, QueryClientProvider } from "@tanstack/react-query";
import type { ReactNode } from "react";
import toast, { Toaster } from "react-hot-toast";
import { Link, Navigate, Route, Routes, useNavigate } from "react-router";
import { Home } from "@/pages/Home";
import { Security } from "@/pages/Security";
import { SignIn } from "@/pages/SignIn";

// What the mutations of hooks/useSessions.ts do not say themselves.
const mutationCache = new MutationCache({ onError: (error) => toast.error(error.message) });
const queryClient = new QueryClient({ mutationCache });

/** Quiet notices are for screen readers; the toasts here are for everybody. */
function notify({ kind, text, quiet }: Notice): void {
  if (!quiet) toast[kind](text);
}

export function App() {
  const navigate = useNavigate();
  return (
    <QueryClientProvider client={queryClient}>
      <SessionProvider
        client={getDefaultClient()}
        navigate={navigate}
        notify={notify}
        onSignedOut={({ here }) => here && navigate("/sign-in")}
      >
        <nav className="flex justify-between items-center gap-2">
          <Link to="/">Sessions</Link>
          <Link to="/security">Security</Link>
          <SessionStatus />
        </nav>
        <main>
          <Routes>
            <Route path="/sign-in" element={<SignIn />} />
            <Route path="/" element={<Members page={<Home />} />} />
            <Route path="/security" element={<Members page={<Security />} />} />
          </Routes>
        </main>
        <SessionExpiryWarning />
        <SessionExpiredModal />
        <Toaster />
      </SessionProvider>
    </QueryClientProvider>
  );
}

/** Only for people who are signed in. One whose session has expired keeps the page, under the dialog. */
function Members({ page }: { page: ReactNode }) {
  const { status, isPending } = useSession();
  if (isPending) return <p>Loading…</p>;
  return status === "signedOut" ? <Navigate to="/sign-in" replace /> : page;
}
